# Who may do what: rendered from infra/policies, the one source.

module "policies" {
  source = "./policies"

  account_id = local.account
  queue_arn  = one(aws_sqs_queue.changes[*].arn)

  secret_arns    = length(var.secret_arn_patterns) > 0 ? var.secret_arn_patterns : ["arn:${local.partition}:secretsmanager:*:${local.account}:secret:*"]
  secret_tag     = var.secret_tag
  parameter_arns = length(var.parameter_arn_patterns) > 0 ? var.parameter_arn_patterns : ["arn:${local.partition}:ssm:*:${local.account}:parameter/*"]
  kms_key_arns   = var.kms_key_arns
  role_arns      = var.role_arn_patterns
  relay_bus_arns = var.relay_bus_arns

  canary_secret_arn    = one(aws_secretsmanager_secret.canary[*].arn)
  canary_parameter_arn = one(aws_ssm_parameter.canary[*].arn)

  bus_arn            = "${local.arn.events}:event-bus/default"
  secrets_of_account = "${local.arn.secretsmanager}:secret:*"
  master_secret_arns = var.master_secret_arn_patterns
  user_arns          = var.iam_user_arn_patterns
  cache_user_arns    = var.cache_user_arn_patterns
  network            = length(var.subnet_ids) > 0

  functions = { for name, function in local.functions : name => {
    arn           = "${local.arn.lambda}:function:${function.name}"
    log_group_arn = aws_cloudwatch_log_group.this[name].arn
  } }

  agent = {
    namespace         = var.namespace
    release_name      = var.release_name
    service_account   = var.service_account
    cluster_arn       = "${local.arn.eks}:cluster/${local.eks_cluster_name}"
    oidc_issuer       = var.oidc_issuer
    oidc_provider_arn = local.oidc_provider_arn
  }
  reader_principal_arns = var.reader_principal_arns
}
