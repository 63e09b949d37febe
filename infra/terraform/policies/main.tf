# The IAM policies of infra/policies as documents, and the trust policies of those who use them. No provider is needed, so that
# a test can render all of it.

locals {
  sources = "${path.module}/../../policies"

  functions = yamldecode(file("${local.sources}/functions.yaml"))
  roles     = yamldecode(file("${local.sources}/roles.yaml"))

  # Which placeholders have a value, for statements that say `When` and conditions that say `ConditionWhen`.
  given = {
    SecretTagKey     = var.secret_tag != null
    KmsKeyArns       = length(var.kms_key_arns) > 0
    RoleArns         = length(var.role_arns) > 0
    RelayBusArns     = length(var.relay_bus_arns) > 0
    MasterSecretArns = length(var.master_secret_arns) > 0
    UserArns         = length(var.user_arns) > 0
    CacheUserArns    = length(var.cache_user_arns) > 0
    Network          = var.network
  }

  # As JSON, which is YAML: a list becomes a list, and no text is taken for a number. The tag's key stands inside
  # of a longer text and is given as it is.
  placeholders = {
    QueueArn           = jsonencode(var.queue_arn)
    SecretArns         = jsonencode(var.secret_arns)
    SecretTagKey       = try(var.secret_tag.key, "")
    SecretTagValue     = jsonencode(try(var.secret_tag.value, ""))
    ParameterArns      = jsonencode(var.parameter_arns)
    KmsKeyArns         = jsonencode(var.kms_key_arns)
    RoleArns           = jsonencode(var.role_arns)
    RelayBusArns       = jsonencode(var.relay_bus_arns)
    CanarySecretArn    = jsonencode(var.canary_secret_arn)
    CanaryParameterArn = jsonencode(var.canary_parameter_arn)
    BusArn             = jsonencode(var.bus_arn)
    SecretsOfAccount   = jsonencode(var.secrets_of_account)
    MasterSecretArns   = jsonencode(var.master_secret_arns)
    UserArns           = jsonencode(var.user_arns)
    CacheUserArns      = jsonencode(var.cache_user_arns)
  }

  # Everybody who acts: the source's files, and the placeholders that are its own.
  actors = merge(
    { for name, policies in local.roles : name => { policies = policies, own = {} } },
    { for name, own in var.functions : name => {
      policies = concat(local.functions[name].policies, ["logs"])
      own      = { FunctionArn = jsonencode(own.arn), LogStreamArns = jsonencode("${own.log_group_arn}:*") }
    } },
  )

  statements = { for name, actor in local.actors : name => flatten([
    for policy in actor.policies : [
      for statement in yamldecode(templatefile("${local.sources}/${policy}.yaml", merge(local.placeholders, actor.own))) :
      merge(
        {
          Sid      = statement.Sid
          Effect   = "Allow"
          Action   = keys(statement.Actions)
          Resource = statement.Resource
        },
        { for key, value in statement : key => value if key == "Condition" && try(local.given[statement.ConditionWhen], true) },
      ) if try(local.given[statement.When], true)
    ]
  ]) }

  # Where nothing is left there is no document: IAM refuses an empty one.
  documents = { for name, statements in local.statements : name => (
    length(statements) == 0 ? null : jsonencode({ Version = "2012-10-17", Statement = statements })
  ) }
}
