# Alarms. Nobody looks at what nobody is told of, so there are none without a topic.

locals {
  sqs = { namespace = "AWS/SQS", statistic = "Maximum", period = 300, threshold = 0, comparison = "GreaterThanThreshold", missing = "notBreaching" }
  sum = merge(local.sqs, { statistic = "Sum" })

  alarms = merge(
    { for queue in aws_sqs_queue.dead_letters[*].name : "dead-letters" => merge(local.sqs, {
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = queue }
      description = "An event could not be delivered, or the agent could not make sense of it. Read the messages of the dead-letter queue: their attributes, or the agent's log, say why."
    }) },
    { for queue in aws_sqs_queue.changes[*].name : "oldest-message" => merge(local.sqs, {
      metric      = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = queue }
      threshold   = 900
      description = "A message has been waiting for a quarter of an hour. Either no agent takes messages, or a change cannot be carried out; the agent's log and the ExternalSecrets' conditions say which."
    }) },
    { for queue in aws_sqs_queue.changes[*].name : "silent-heartbeat" => merge(local.sum, {
      metric     = "NumberOfMessagesSent"
      dimensions = { QueueName = queue }
      # Two and a half periods, rounded up to minutes: so long without a heartbeat, and the agent takes a pipe for broken.
      period      = ceil(2.5 * var.heartbeat_minutes) * 60
      threshold   = 1
      comparison  = "LessThanThreshold"
      missing     = "breaching"
      description = "For two and a half periods nothing came to the queue, not even a heartbeat. Agents compare at each object's refreshInterval until one comes. Look at the heartbeat function's log, the rules, and the relay if there is one."
    }) },
    { for name, function in aws_lambda_function.this : "heartbeat-schedule" => merge(local.sum, {
      namespace   = "AWS/Lambda"
      metric      = "Invocations"
      dimensions  = { FunctionName = function.function_name }
      period      = ceil(2.5 * var.heartbeat_minutes) * 60
      threshold   = 1
      comparison  = "LessThanThreshold"
      missing     = "breaching"
      description = "The heartbeat function was not invoked for two and a half periods. Agents compare at each object's refreshInterval until it is. Look at its schedule."
    }) if name == "heartbeat" },
    { for rule in concat(values(aws_cloudwatch_event_rule.queue), values(aws_cloudwatch_event_rule.relay), aws_cloudwatch_event_rule.heartbeat) :
      "failed-invocations-${rule.name}" => merge(local.sum, {
        namespace = "AWS/Events"
        metric    = "FailedInvocations"
        # Rules of other buses have the bus as a dimension, those of the default bus have not.
        dimensions  = merge({ RuleName = rule.name }, { for bus in [coalesce(rule.event_bus_name, "default")] : "EventBusName" => bus if bus != "default" })
        description = "EventBridge cannot deliver what the rule ${rule.name} matches. Look at the policy of its target and the dead-letter queue."
      })
    },
    { for function in aws_lambda_function.this : "errors-${function.function_name}" => merge(local.sum, {
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = { FunctionName = function.function_name }
      description = "The function ${function.function_name} failed; its log /aws/lambda/${function.function_name} names step, kind and what to do."
    }) },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in local.alarms : name => alarm if var.alarm_topic_arn != null }

  alarm_name          = "${var.cluster_name}-rekey-${each.key}"
  alarm_description   = "Rekey: ${each.value.description}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = 1
  threshold           = each.value.threshold
  comparison_operator = each.value.comparison
  treat_missing_data  = each.value.missing
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
  tags                = var.tags
}
