# A bus that receives what other regions and accounts relay: one per region, for all clusters there.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }
}

variable "name" {
  description = "The bus's name: event_bus_name of the clusters' modules."
  type        = string
  default     = "rekey"

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{1,256}$", var.name)) && var.name != "default"
    error_message = "name is the name of a new bus: give letters, digits, \".\", \"_\" or \"-\", and not default."
  }
}

variable "account_ids" {
  description = "The other accounts whose modules relay to this bus. This account needs no permission."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "account_ids has something that is no account: give ids of 12 digits."
  }
}

variable "organization_id" {
  description = "The organisation whose accounts all may relay to this bus."
  type        = string
  default     = null

  validation {
    condition     = var.organization_id == null || can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "organization_id is no id of an organisation: give o- and what follows."
  }
}

variable "tags" {
  description = "The bus's tags."
  type        = map(string)
  default     = {}
}

data "aws_partition" "current" {}

resource "aws_cloudwatch_event_bus" "this" {
  name        = var.name
  description = "Changes of secrets and parameters of other regions and accounts, for Rekey"
  tags        = var.tags
}

locals {
  # Nobody can put events whose source begins with "aws.", so what arrives under these names was sent by AWS in the sender's
  # account, or by a rotation function there.
  sources = { "events:source" = ["aws.secretsmanager", "aws.ssm", "rekey.rotation"] }
}

resource "aws_cloudwatch_event_bus_policy" "this" {
  count = length(var.account_ids) > 0 || var.organization_id != null ? 1 : 0

  event_bus_name = aws_cloudwatch_event_bus.this.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for ids in [var.account_ids] : {
        Sid       = "Accounts"
        Effect    = "Allow"
        Principal = { AWS = [for id in ids : "arn:${data.aws_partition.current.partition}:iam::${id}:root"] }
        Action    = "events:PutEvents"
        Resource  = aws_cloudwatch_event_bus.this.arn
        Condition = { StringEquals = local.sources }
      } if length(ids) > 0],
      [for id in [var.organization_id] : {
        Sid       = "Organization"
        Effect    = "Allow"
        Principal = "*"
        Action    = "events:PutEvents"
        Resource  = aws_cloudwatch_event_bus.this.arn
        Condition = { StringEquals = merge(local.sources, { "aws:PrincipalOrgID" = id }) }
      } if id != null],
    )
  })
}

output "name" {
  description = "The event_bus_name of clusters whose secrets live elsewhere."
  value       = aws_cloudwatch_event_bus.this.name
}

output "arn" {
  description = "One of relay_bus_arns where the secrets live."
  value       = aws_cloudwatch_event_bus.this.arn
}
