# The heartbeat: a function changes two canaries on a schedule, and their events prove the rules that carry changes.

resource "aws_secretsmanager_secret" "canary" {
  count = local.has_heartbeat ? 1 : 0

  name        = "rekey/canary/${var.cluster_name}"
  description = "Changed on a schedule to prove that events arrive; holds no secret"
  # There is nothing to recover, and the name is free at once.
  recovery_window_in_days = 0
  tags                    = var.tags
}

# The one value of a secret that the state holds, and it is none.
resource "aws_secretsmanager_secret_version" "canary" {
  count = local.has_heartbeat ? 1 : 0

  secret_id     = aws_secretsmanager_secret.canary[0].id
  secret_string = jsonencode({ canary = "0" })

  lifecycle {
    # The function writes a second version and moves AWSCURRENT between the two.
    ignore_changes = [secret_string, version_stages]
  }
}

resource "aws_ssm_parameter" "canary" {
  count = local.has_heartbeat ? 1 : 0

  name        = "/rekey/canary/${var.cluster_name}"
  description = "Changed on a schedule to prove that events arrive"
  type        = "String"
  value       = "0"
  tags        = var.tags

  lifecycle {
    ignore_changes = [value]
  }
}

resource "aws_cloudwatch_event_rule" "heartbeat" {
  count = local.has_heartbeat ? 1 : 0

  name                = "${var.cluster_name}-heartbeat"
  description         = "The heartbeat of Rekey"
  schedule_expression = "rate(${var.heartbeat_minutes} minutes)"
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "heartbeat" {
  count = local.has_heartbeat ? 1 : 0

  rule      = aws_cloudwatch_event_rule.heartbeat[0].name
  target_id = "function"
  arn       = aws_lambda_function.this["heartbeat"].arn
}

resource "aws_lambda_permission" "heartbeat" {
  count = local.has_heartbeat ? 1 : 0

  statement_id  = "Schedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this["heartbeat"].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.heartbeat[0].arn
}
