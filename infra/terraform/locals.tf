data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
  account   = data.aws_caller_identity.current.account_id

  # What stands before the name in an ARN of this account and region.
  arn = { for service in ["eks", "events", "lambda", "secretsmanager"] : service => (
    "arn:${local.partition}:${service}:${local.region}:${local.account}"
  ) }

  has_relay   = length(var.relay_bus_arns) > 0
  has_targets = var.queue || local.has_relay
  # What arrives at the queue, or leaves for other buses, is what happens on the default bus of this account and region. The
  # validation of `functions` says the same.
  has_heartbeat = (var.queue && var.event_bus_name == "default") || local.has_relay
}
