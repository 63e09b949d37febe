# Who may take on which role.

locals {
  # As the chart names it, where nobody else does.
  service_account = coalesce(var.agent.service_account, (
    strcontains(var.agent.release_name, "rekey") ? var.agent.release_name : "${var.agent.release_name}-rekey"
  ))

  # Without the scheme, as IAM writes it in the names of a provider's condition keys.
  issuer = trimprefix(var.agent.oidc_issuer, "https://")

  trusts = {
    irsa = {
      Sid       = "AgentsServiceAccount"
      Effect    = "Allow"
      Principal = { Federated = var.agent.oidc_provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { StringEquals = {
        "${local.issuer}:sub" = "system:serviceaccount:${var.agent.namespace}:${local.service_account}"
        "${local.issuer}:aud" = "sts.amazonaws.com"
      } }
    }
    # The tags are those that EKS gives to each session. Without them the role would be open to every association of the account.
    pod-identity = {
      Sid       = "AgentsServiceAccount"
      Effect    = "Allow"
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Condition = { StringEquals = {
        "aws:RequestTag/kubernetes-namespace"       = var.agent.namespace
        "aws:RequestTag/kubernetes-service-account" = local.service_account
        "aws:RequestTag/eks-cluster-arn"            = var.agent.cluster_arn
      } }
    }
    reader = {
      Sid       = "AgentsOfOtherAccounts"
      Effect    = "Allow"
      Principal = { AWS = var.reader_principal_arns }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
    }
    relay = {
      Sid       = "EventBridge"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }
    function = {
      Sid       = "Lambda"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }
  }
}
