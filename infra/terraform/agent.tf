# The agent's identity: one role, and who may take it on.

locals {
  has_role = var.queue && var.agent_identity != "none"

  eks_cluster_name  = coalesce(var.eks_cluster_name, var.cluster_name)
  oidc_provider_arn = var.create_oidc_provider ? one(aws_iam_openid_connect_provider.cluster[*].arn) : var.oidc_provider_arn
}

# A policy of its own, so that it can be attached to a role that is made elsewhere.
resource "aws_iam_policy" "agent" {
  count = var.queue ? 1 : 0

  name_prefix = "rekey-agent-"
  description = "What the Rekey agent of the cluster ${var.cluster_name} may do"
  policy      = module.policies.documents["agent"]
  tags        = var.tags
}

resource "aws_iam_role" "agent" {
  count = local.has_role ? 1 : 0

  name_prefix        = "rekey-agent-"
  description        = "The Rekey agent of the cluster ${var.cluster_name}"
  assume_role_policy = module.policies.trusts[var.agent_identity]
  tags               = var.tags
}

resource "aws_iam_role_policy_attachment" "agent" {
  count = local.has_role ? 1 : 0

  role       = aws_iam_role.agent[0].name
  policy_arn = aws_iam_policy.agent[0].arn
}

# AWS verifies the issuer by its own list of certificate authorities, hence no thumbprints.
resource "aws_iam_openid_connect_provider" "cluster" {
  count = var.create_oidc_provider ? 1 : 0

  url            = var.oidc_issuer
  client_id_list = ["sts.amazonaws.com"]
  tags           = var.tags
}

resource "aws_eks_pod_identity_association" "agent" {
  count = var.queue && var.agent_identity == "pod-identity" ? 1 : 0

  cluster_name    = local.eks_cluster_name
  namespace       = var.namespace
  service_account = module.policies.service_account
  role_arn        = aws_iam_role.agent[0].arn
  tags            = var.tags
}

# What agents of other accounts assume, by the role of their stores.
resource "aws_iam_role" "reader" {
  count = length(var.reader_principal_arns) > 0 ? 1 : 0

  name_prefix        = "rekey-reader-"
  description        = "Reads secrets and parameters for Rekey agents of other accounts"
  assume_role_policy = module.policies.trusts["reader"]
  tags               = var.tags
}

resource "aws_iam_role_policy" "reader" {
  count = length(var.reader_principal_arns) > 0 ? 1 : 0

  name   = "read"
  role   = aws_iam_role.reader[0].id
  policy = module.policies.documents["reader"]
}
