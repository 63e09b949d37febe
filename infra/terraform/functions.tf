# The functions: the heartbeat and one per kind of service that is wanted, each with a role and a log of its own.

locals {
  # Their names are known before they are, so that their own policies can name them.
  functions = { for name, package in var.functions : name => merge(package, {
    name    = name == "heartbeat" ? "${var.cluster_name}-heartbeat" : "${var.cluster_name}-rotation-${name}"
    network = module.policies.functions[name].network && length(var.subnet_ids) > 0
  }) }

  # What a function is told besides what the caller says.
  environments = { heartbeat = {
    CANARY_SECRET_ID = one(aws_secretsmanager_secret.canary[*].arn)
    CANARY_PARAMETER = one(aws_ssm_parameter.canary[*].name)
  } }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = local.functions

  name              = "/aws/lambda/${each.value.name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name_prefix        = "rekey-${each.key}-"
  description        = "What Rekey's function ${each.value.name} may do"
  assume_role_policy = module.policies.trusts["function"]
  tags               = var.tags
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions

  name   = "rekey"
  role   = aws_iam_role.function[each.key].id
  policy = module.policies.documents[each.key]
}

resource "aws_lambda_function" "this" {
  for_each = local.functions

  function_name = each.value.name
  description   = each.key == "heartbeat" ? "Moves the canary secret's AWSCURRENT and rewrites the canary parameter" : "Rotates secrets: ${each.key}"
  role          = aws_iam_role.function[each.key].arn
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  architectures = [var.architecture]
  memory_size   = module.policies.functions[each.key].memory
  timeout       = module.policies.functions[each.key].timeout
  tags          = var.tags

  filename          = each.value.zip
  source_code_hash  = each.value.zip == null ? each.value.s3_hash : filebase64sha256(each.value.zip)
  s3_bucket         = each.value.s3_bucket
  s3_key            = each.value.s3_key
  s3_object_version = each.value.s3_object_version

  dynamic "environment" {
    for_each = [for variables in [merge(each.value.environment, lookup(local.environments, each.key, {}))] : variables if length(variables) > 0]

    content {
      variables = environment.value
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.this[each.key].name
    log_format            = "JSON"
    application_log_level = var.log_level
    system_log_level      = "INFO"
  }

  dynamic "vpc_config" {
    for_each = each.value.network ? [1] : []

    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  # Lambda makes the network interfaces with the role's rights, at once.
  depends_on = [aws_iam_role_policy.function]
}
