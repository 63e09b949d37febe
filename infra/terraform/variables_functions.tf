# The functions.

variable "functions" {
  description = <<-TEXT
    The functions that are wanted, and where their packages are, by name: heartbeat, postgres, mysql, mongodb, redis,
    elasticache, iam, generic. A package is a zip with the program `bootstrap`, on disk (zip) or in a bucket of this
    region (s3_bucket, s3_key and, so that a new one is noticed, s3_object_version or s3_hash). `environment` has the
    variables of docs/rotation.md.
  TEXT
  type = map(object({
    zip               = optional(string)
    s3_bucket         = optional(string)
    s3_key            = optional(string)
    s3_object_version = optional(string)
    s3_hash           = optional(string)
    environment       = optional(map(string), {})
  }))
  default = {}

  validation {
    condition     = var.queue || length(var.relay_bus_arns) > 0 || length(var.reader_principal_arns) > 0 || length(var.functions) > 0
    error_message = "With queue = false there is nothing to do: give relay_bus_arns, the buses to which changes are carried, or leave queue out."
  }

  validation {
    condition     = length(setsubtract(keys(var.functions), ["heartbeat", "postgres", "mysql", "mongodb", "redis", "elasticache", "iam", "generic"])) == 0
    error_message = "functions has a name that is no function of Rekey: give heartbeat, postgres, mysql, mongodb, redis, elasticache, iam or generic."
  }

  validation {
    condition     = alltrue([for function in var.functions : (function.zip != null) != (function.s3_bucket != null && function.s3_key != null)])
    error_message = "Each of functions has one package: give zip, or s3_bucket and s3_key."
  }

  validation {
    condition     = contains(keys(var.functions), "heartbeat") == ((var.queue && var.event_bus_name == "default") || length(var.relay_bus_arns) > 0)
    error_message = "functions.heartbeat proves what happens on the default bus: give it where the queue listens there or relay_bus_arns names buses, and leave it out elsewhere."
  }

  validation {
    condition     = !contains(keys(var.functions), "iam") || length(var.iam_user_arn_patterns) > 0
    error_message = "functions.iam needs iam_user_arn_patterns: give the ARNs of the users whose keys may be rotated."
  }

  validation {
    condition     = !contains(keys(var.functions), "elasticache") || length(var.cache_user_arn_patterns) > 0
    error_message = "functions.elasticache needs cache_user_arn_patterns: give the ARNs of the users whose passwords may be rotated."
  }
}

variable "architecture" {
  description = "What the packages were compiled for."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture is what Lambda runs on: give arm64 or x86_64, as in cargo lambda build."
  }
}

variable "log_level" {
  description = "Level of the functions' own log lines. Audit lines are written at every level; secrets at none."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"], var.log_level)
    error_message = "log_level is a level that Lambda knows: give TRACE, DEBUG, INFO, WARN or ERROR."
  }
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps the functions' logs, the audit lines among them."
  type        = number
  default     = 90

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is a time that CloudWatch knows: give 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731 or as many days as 3 to 10 years have."
  }
}

variable "subnet_ids" {
  description = "Subnets in which the rotation functions reach the databases; they need a way to Secrets Manager and EventBridge (VPC endpoints or NAT). Empty: no VPC."
  type        = list(string)
  default     = []
}

variable "security_group_ids" {
  description = "Security groups of the rotation functions in those subnets."
  type        = list(string)
  default     = []

  validation {
    condition     = (length(var.subnet_ids) > 0) == (length(var.security_group_ids) > 0)
    error_message = "subnet_ids and security_group_ids go together: give both, or neither."
  }
}

# Rotation.

variable "rotated_secrets" {
  description = <<-TEXT
    Existing secrets to rotate, under names of your own: full ARN, engine (a name of `functions`), schedule in UTC,
    window (3h: how long after the schedule's hour the rotation may begin) and whether the first rotation is now; unless
    it is, the apply only tests that the function can log in.
  TEXT
  type = map(object({
    secret_arn         = string
    engine             = string
    schedule           = optional(string, "cron(0 4 1 * ? *)")
    window             = optional(string)
    rotate_immediately = optional(bool, false)
  }))
  default = {}

  validation {
    condition     = alltrue([for secret in var.rotated_secrets : can(regex("^arn:[^:]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[^*]+-[A-Za-z0-9]{6}$", secret.secret_arn))])
    error_message = "rotated_secrets has something that is no full ARN of a secret: give the one that aws secretsmanager describe-secret shows, with its six characters at the end."
  }

  validation {
    condition     = alltrue([for secret in var.rotated_secrets : secret.engine != "heartbeat" && contains(keys(var.functions), secret.engine)])
    error_message = "rotated_secrets has an engine without a function: give one of postgres, mysql, mongodb, redis, elasticache, iam, generic, and its package in functions."
  }

  validation {
    condition = alltrue([for secret in var.rotated_secrets : anytrue([
      can(regex("^cron\\(0 [^ ]+ [^ ]+ [^ ]+ [^ ]+ \\*\\)$", secret.schedule)),
      can(regex("^rate\\([0-9]+ (hours?|days?)\\)$", secret.schedule)),
    ])])
    error_message = "rotated_secrets has a schedule that Secrets Manager does not take: give rate(N hours), rate(N days), or cron() with six fields, minute 0 and year *."
  }

  validation {
    condition = alltrue([for secret in var.rotated_secrets : try(
      tonumber(regex("^rate\\(([0-9]+) hours?\\)$", secret.schedule)[0]) >= 4,
      tonumber(regex("^rate\\(([0-9]+) days?\\)$", secret.schedule)[0]) >= 1,
      true,
    )])
    error_message = "rotated_secrets has a rate below 4 hours, the shortest that Secrets Manager takes: give rate(4 hours) or more."
  }

  validation {
    condition     = alltrue([for secret in var.rotated_secrets : secret.window == null || can(regex("^[1-9][0-9]?h$", secret.window))])
    error_message = "rotated_secrets has a window that is no number of hours: give 3h or the like, or leave it out."
  }
}

variable "master_secret_arn_patterns" {
  description = "ARNs, * allowed, of the master secrets that rotated secrets name in masterarn. Empty: none, so each user changes its own password."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.master_secret_arn_patterns : can(regex("^arn:[^:]+:secretsmanager:[^:]+:[^:]+:secret:.+$", arn))])
    error_message = "master_secret_arn_patterns has something that is no ARN of secrets: give arn:aws:secretsmanager:REGION:ACCOUNT:secret:PREFIX*."
  }
}

variable "iam_user_arn_patterns" {
  description = "ARNs, * allowed, of the IAM users whose access keys may be rotated, as in arn:aws:iam::111122223333:user/services/*."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.iam_user_arn_patterns : can(regex("^arn:[^:]+:iam::[^:]+:user/.+$", arn))])
    error_message = "iam_user_arn_patterns has something that is no ARN of users: give arn:aws:iam::ACCOUNT:user/PATH/*."
  }
}

variable "cache_user_arn_patterns" {
  description = "ARNs, * allowed, of the ElastiCache or MemoryDB users whose passwords may be rotated."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.cache_user_arn_patterns : can(regex("^arn:[^:]+:(elasticache|memorydb):[^:]+:[^:]+:user[:/].+$", arn))])
    error_message = "cache_user_arn_patterns has something that is no ARN of users: give arn:aws:elasticache:REGION:ACCOUNT:user:NAME or arn:aws:memorydb:REGION:ACCOUNT:user/NAME."
  }
}
