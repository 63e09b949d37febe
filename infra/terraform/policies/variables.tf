# The placeholders of infra/policies, in the case that Terraform likes. What is left out is left out of the policies.

variable "account_id" {
  description = "The account in whose name EventBridge relays."
  type        = string
}

variable "queue_arn" {
  description = "QueueArn: the cluster's queue."
  type        = string
  default     = ""
  nullable    = false
}

variable "secret_arns" {
  description = "SecretArns: the secrets that may be read."
  type        = list(string)
  default     = []
}

variable "secret_tag" {
  description = "SecretTagKey and SecretTagValue: a tag that a secret must have to be read."
  type        = object({ key = string, value = string })
  default     = null
}

variable "parameter_arns" {
  description = "ParameterArns: the parameters that may be read."
  type        = list(string)
  default     = []
}

variable "kms_key_arns" {
  description = "KmsKeyArns: the keys of secrets and parameters."
  type        = list(string)
  default     = []
}

variable "role_arns" {
  description = "RoleArns: the roles that stores may name."
  type        = list(string)
  default     = []
}

variable "relay_bus_arns" {
  description = "RelayBusArns: the buses to which changes are carried."
  type        = list(string)
  default     = []
}

variable "canary_secret_arn" {
  description = "CanarySecretArn: the secret that heartbeats change."
  type        = string
  default     = ""
  nullable    = false
}

variable "canary_parameter_arn" {
  description = "CanaryParameterArn: the parameter that heartbeats change."
  type        = string
  default     = ""
  nullable    = false
}

variable "bus_arn" {
  description = "BusArn: the bus on which rotations are announced."
  type        = string
  default     = ""
}

variable "secrets_of_account" {
  description = "SecretsOfAccount: all secrets of this account and region."
  type        = string
  default     = ""
}

variable "master_secret_arns" {
  description = "MasterSecretArns: the secrets of masters."
  type        = list(string)
  default     = []
}

variable "user_arns" {
  description = "UserArns: the IAM users whose keys are rotated."
  type        = list(string)
  default     = []
}

variable "cache_user_arns" {
  description = "CacheUserArns: the ElastiCache and MemoryDB users whose passwords are rotated."
  type        = list(string)
  default     = []
}

variable "network" {
  description = "Network: whether functions that talk to servers run in a VPC."
  type        = bool
  default     = false
}

variable "functions" {
  description = "The functions that there are, with their ARN (FunctionArn) and their log group's (LogStreamArns: what is in it)."
  type        = map(object({ arn = string, log_group_arn = string }))
  default     = {}
}

variable "agent" {
  description = "Where the agent's chart is installed, under which ServiceAccount if not the chart's own, in which cluster, and that cluster's OIDC provider."
  type = object({
    namespace         = string
    release_name      = string
    service_account   = optional(string)
    cluster_arn       = optional(string, "")
    oidc_issuer       = optional(string, "")
    oidc_provider_arn = optional(string, "")
  })
}

variable "reader_principal_arns" {
  description = "The roles of agents in other accounts that may read here."
  type        = list(string)
  default     = []
}
