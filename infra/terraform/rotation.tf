# Rotation of secrets that exist. Their values never come near Terraform.

resource "aws_lambda_permission" "rotation" {
  for_each = { for name, function in local.functions : name => function if name != "heartbeat" }

  statement_id   = "SecretsManager"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this[each.key].function_name
  principal      = "secretsmanager.amazonaws.com"
  source_account = local.account
}

resource "aws_secretsmanager_secret_rotation" "this" {
  for_each = var.rotated_secrets

  secret_id           = each.value.secret_arn
  rotation_lambda_arn = aws_lambda_function.this[each.value.engine].arn
  # Unless asked otherwise, saving a schedule tests the login and changes nothing; the first rotation is the schedule's.
  rotate_immediately = each.value.rotate_immediately

  rotation_rules {
    schedule_expression = each.value.schedule
    duration            = each.value.window
  }

  # That test already invokes the function.
  depends_on = [aws_lambda_permission.rotation]
}
