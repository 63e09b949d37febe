# The cluster and its pipe.

variable "cluster_name" {
  description = "Part of the names of queue, rules, canaries and functions. One call of this module per cluster, each with its own name."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$", var.cluster_name))
    error_message = "cluster_name names functions and canaries: give 1 to 40 letters, digits, \"-\" or \"_\"."
  }
}

variable "queue" {
  description = "Whether the cluster's queue is here. false where secrets live, but no cluster: then relay_bus_arns says where changes go."
  type        = bool
  default     = true
}

variable "queue_name" {
  description = "The queue's name; that of the dead-letter queue begins with it. Without it CLUSTER_NAME-changes."
  type        = string
  default     = null

  validation {
    condition     = var.queue_name == null || can(regex("^[A-Za-z0-9_-]{1,67}$", var.queue_name))
    error_message = "queue_name is not a name that SQS takes: give 1 to 67 letters, digits, \"-\" or \"_\" (not a URL or ARN, and no \".fifo\")."
  }
}

variable "event_bus_name" {
  description = "The bus whose events the queue takes. `default`: changes of this account and region. The name of a bus of ./bus: what is relayed to it."
  type        = string
  default     = "default"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]{1,256}$", var.event_bus_name))
    error_message = "event_bus_name is the name of a bus of this account and region: give the name and not the ARN."
  }

  validation {
    condition     = var.queue || var.event_bus_name == "default"
    error_message = "event_bus_name is the bus that the queue listens on, and queue is false: set queue to true, or leave event_bus_name out."
  }
}

variable "relay_bus_arns" {
  description = "ARNs of buses in other regions or accounts to which the changes and heartbeats of this account and region are carried."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.relay_bus_arns : can(regex("^arn:[^:]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/.+$", arn))])
    error_message = "relay_bus_arns has something that is no ARN of a bus: give arn:aws:events:REGION:ACCOUNT:event-bus/NAME, output arn of ./bus."
  }
}

variable "cloudtrail_events" {
  description = "Whether CloudTrail's events of creation, deletion, restoration and tags are taken, too. It needs a trail that logs management events. Without it such changes are found by the agent's sweep."
  type        = bool
  default     = false
}

variable "heartbeat_minutes" {
  description = "Minutes between two heartbeats; the chart is told. Where secrets live elsewhere, the same as there."
  type        = number
  default     = 10

  validation {
    condition     = contains([2, 5, 10, 15, 20, 30, 60], var.heartbeat_minutes)
    error_message = "heartbeat_minutes is the period of the heartbeat: give 2, 5, 10, 15, 20, 30 or 60."
  }
}

variable "alarm_topic_arn" {
  description = "The SNS topic that hears of a broken pipe and of failed rotations. Without one there are no alarms."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:[^:]+:sns:[a-z0-9-]+:[0-9]{12}:.+$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn is no ARN of a topic: give arn:aws:sns:REGION:ACCOUNT:NAME, or leave it out."
  }
}

variable "tags" {
  description = "Tags of everything that takes some."
  type        = map(string)
  default     = {}
}

# What may be read.

variable "secret_arn_patterns" {
  description = "ARNs, * allowed, of the secrets that may be read. Empty: every secret of this account, in every region."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.secret_arn_patterns : can(regex("^arn:[^:]+:secretsmanager:[^:]+:[^:]+:secret:.+$", arn))])
    error_message = "secret_arn_patterns has something that is no ARN of secrets: give arn:aws:secretsmanager:REGION:ACCOUNT:secret:PREFIX*."
  }
}

variable "secret_tag" {
  description = "A tag that a secret must have to be read."
  type        = object({ key = string, value = string })
  default     = null

  validation {
    condition     = var.secret_tag == null || can(regex("^[A-Za-z0-9_.:/=+@-]*[A-Za-z0-9_./=+@-]$", var.secret_tag.key))
    error_message = "secret_tag.key is written into a policy: give a key of letters, digits and _ . : / = + @ -, which does not end in a colon."
  }
}

variable "parameter_arn_patterns" {
  description = "ARNs, * allowed, of the parameters that may be read. Empty: every parameter of this account, in every region. For dataFrom.find one has to match the path that is searched, too."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.parameter_arn_patterns : can(regex("^arn:[^:]+:ssm:[^:]+:[^:]+:parameter/.+$", arn))])
    error_message = "parameter_arn_patterns has something that is no ARN of parameters: give arn:aws:ssm:REGION:ACCOUNT:parameter/PATH/*."
  }
}

variable "kms_key_arns" {
  description = "ARNs of the customer managed keys that encrypt secrets and SecureString parameters. Empty: they use AWS's own keys, which need no permission."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.kms_key_arns : can(regex("^arn:[^:]+:kms:[^:]+:[^:]+:key/.+$", arn))])
    error_message = "kms_key_arns has something that is no ARN of a key: give arn:aws:kms:REGION:ACCOUNT:key/ID; policies do not know aliases."
  }
}

variable "role_arn_patterns" {
  description = "ARNs, * allowed, of the roles that stores without auth of their own may name as role or additionalRoles. Empty: none. Each role's trust policy has to name the agent's role, too."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.role_arn_patterns : can(regex("^arn:[^:]+:iam::[^:]+:role/.+$", arn))])
    error_message = "role_arn_patterns has something that is no ARN of roles: give arn:aws:iam::ACCOUNT:role/PREFIX*."
  }
}

variable "reader_principal_arns" {
  description = "ARNs of the roles of agents in other accounts. With some there is a role that they may assume and that reads what the agent's policy reads; stores name it as their role."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.reader_principal_arns : can(regex("^arn:[^:*]+:iam::[0-9]{12}:role/[^*]+$", arn))])
    error_message = "reader_principal_arns has something that is no ARN of a role: give arn:aws:iam::ACCOUNT:role/NAME, output agent_role_arn there; trust policies know no *."
  }
}
