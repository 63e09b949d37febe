# The agent.

variable "agent_identity" {
  description = "How the agent's pod gets the role that is made for it: pod-identity (the association is made, too), irsa, or none: no role is made, and the policy is attached elsewhere."
  type        = string
  default     = "pod-identity"

  validation {
    condition     = contains(["pod-identity", "irsa", "none"], var.agent_identity)
    error_message = "agent_identity is one way for one ServiceAccount: give pod-identity, irsa or none."
  }
}

variable "eks_cluster_name" {
  description = "The name of the EKS cluster, where it is not cluster_name."
  type        = string
  default     = null
}

variable "oidc_issuer" {
  description = "For irsa: the URL of the cluster's OIDC issuer, identity[0].oidc[0].issuer of aws_eks_cluster."
  type        = string
  default     = null

  validation {
    condition     = var.oidc_issuer == null || can(regex("^https://[^/]+(/.*[^/])?$", var.oidc_issuer))
    error_message = "oidc_issuer is no issuer: give its URL with https:// and without a slash at the end."
  }

  validation {
    condition     = var.oidc_issuer != null || var.agent_identity != "irsa"
    error_message = "agent_identity is irsa and there is no oidc_issuer: give identity[0].oidc[0].issuer of aws_eks_cluster, or set agent_identity to pod-identity."
  }
}

variable "oidc_provider_arn" {
  description = "For irsa: the ARN of IAM's provider of that issuer, where there is one."
  type        = string
  default     = null

  validation {
    condition     = var.oidc_provider_arn == null || !var.create_oidc_provider
    error_message = "oidc_provider_arn is there and create_oidc_provider asks for another: an account has one provider for each issuer, so leave one of the two out."
  }

  validation {
    condition     = var.agent_identity != "irsa" || var.create_oidc_provider || var.oidc_provider_arn != null
    error_message = "agent_identity is irsa and there is no provider: give oidc_provider_arn, or set create_oidc_provider to true if the account has none for this cluster."
  }
}

variable "create_oidc_provider" {
  description = "For irsa: whether IAM's provider of the issuer is made here."
  type        = bool
  default     = false

  validation {
    condition     = !var.create_oidc_provider || var.agent_identity == "irsa"
    error_message = "create_oidc_provider is for irsa, and agent_identity is another: set agent_identity to irsa, or leave create_oidc_provider out. One ServiceAccount has one identity."
  }
}

variable "namespace" {
  description = "The namespace in which the agent runs."
  type        = string
  default     = "rekey-system"
}

variable "release_name" {
  description = "The name of the chart's release."
  type        = string
  default     = "rekey"
}

variable "service_account" {
  description = "The agent's ServiceAccount, where it is not named as the chart names it for this release."
  type        = string
  default     = null
}

variable "chart" {
  description = "Installs the chart: the agent's image, and further values as YAML documents. Without it the chart is installed elsewhere, with the output chart_values."
  type = object({
    image  = object({ repository = string, tag = optional(string), digest = optional(string) })
    values = optional(list(string), [])
  })
  default = null

  validation {
    condition     = var.chart == null || var.queue
    error_message = "chart is an agent, and without a queue it hears of nothing: set queue to true, or leave chart out."
  }
}
