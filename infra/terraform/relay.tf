# The relay: what happens on this region's default bus, to the buses of clusters in other regions and accounts.

locals {
  # A rule for each bus, because EventBridge counts failures by rule.
  relays = { for pair in setproduct(keys(local.events), range(length(var.relay_bus_arns))) : "${pair[0]}-${pair[1]}" => {
    events = local.events[pair[0]]
    bus    = var.relay_bus_arns[pair[1]]
  } }
}

resource "aws_iam_role" "relay" {
  count = local.has_relay ? 1 : 0

  name_prefix        = "rekey-relay-"
  description        = "Lets EventBridge carry changes of secrets to other buses"
  assume_role_policy = module.policies.trusts["relay"]
  tags               = var.tags
}

resource "aws_iam_role_policy" "relay" {
  count = local.has_relay ? 1 : 0

  name   = "relay"
  role   = aws_iam_role.relay[0].id
  policy = module.policies.documents["relay"]
}

resource "aws_cloudwatch_event_rule" "relay" {
  for_each = local.relays

  name          = "${var.cluster_name}-relay-${each.key}"
  description   = each.value.events.description
  event_pattern = each.value.events.pattern
  tags          = var.tags
}

resource "aws_cloudwatch_event_target" "relay" {
  for_each = local.relays

  rule      = aws_cloudwatch_event_rule.relay[each.key].name
  target_id = "bus"
  arn       = each.value.bus
  role_arn  = aws_iam_role.relay[0].arn

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters[0].arn
  }
}
