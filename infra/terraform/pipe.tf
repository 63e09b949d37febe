# The queue: one per cluster, because whoever receives a message decides about it for everybody.
#
# Its policy does not refuse plain HTTP, as one often sees: messages hold identifiers and no values, EventBridge delivers over
# TLS, and the SDK of the agent uses https unless told otherwise.

resource "aws_sqs_queue" "changes" {
  count = var.queue ? 1 : 0

  name                      = local.queue_name
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 345600
  receive_wait_time_seconds = 20
  # The agent extends it while it works; redelivery is for crashes, hence the many receives.
  visibility_timeout_seconds = 30
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letters[0].arn, maxReceiveCount = 20 })
  tags                       = var.tags
}

# What the agent cannot make sense of, and what EventBridge cannot deliver.
resource "aws_sqs_queue" "dead_letters" {
  count = local.has_targets ? 1 : 0

  name                      = "${local.queue_name}-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
  tags                      = var.tags
}

resource "aws_sqs_queue_policy" "changes" {
  count = var.queue ? 1 : 0

  queue_url = aws_sqs_queue.changes[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EventsOfTheseRules"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.changes[0].arn
      Condition = { ArnEquals = { "aws:SourceArn" = [for rule in aws_cloudwatch_event_rule.queue : rule.arn] } }
    }]
  })
}

resource "aws_sqs_queue_policy" "dead_letters" {
  count = local.has_targets ? 1 : 0

  queue_url = aws_sqs_queue.dead_letters[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "UndeliverableEventsOfTheseRules"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.dead_letters[0].arn
      Condition = { ArnEquals = { "aws:SourceArn" = concat(
        [for rule in aws_cloudwatch_event_rule.queue : rule.arn],
        [for rule in aws_cloudwatch_event_rule.relay : rule.arn],
      ) } }
    }]
  })
}

resource "aws_cloudwatch_event_rule" "queue" {
  for_each = { for name, events in local.events : name => events if var.queue }

  name           = "${var.cluster_name}-${each.key}"
  description    = each.value.description
  event_bus_name = var.event_bus_name
  event_pattern  = each.value.pattern
  tags           = var.tags
}

resource "aws_cloudwatch_event_target" "queue" {
  for_each = aws_cloudwatch_event_rule.queue

  rule           = each.value.name
  event_bus_name = each.value.event_bus_name
  target_id      = "queue"
  arn            = aws_sqs_queue.changes[0].arn

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters[0].arn
  }
}

locals {
  queue_name = coalesce(var.queue_name, "${var.cluster_name}-changes")
}
