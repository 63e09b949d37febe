# The agent itself.

locals {
  # What the chart has to be told about all this, also where it is installed by somebody else: output `chart_values`.
  chart_values = {
    queueUrl        = one(aws_sqs_queue.changes[*].url)
    heartbeatPeriod = "${var.heartbeat_minutes}m"
    serviceAccount = {
      name        = module.policies.service_account
      annotations = { for arn in aws_iam_role.agent[*].arn : "eks.amazonaws.com/role-arn" => arn if var.agent_identity == "irsa" }
    }
  }
}

resource "helm_release" "agent" {
  count = var.chart == null ? 0 : 1

  name             = var.release_name
  namespace        = var.namespace
  create_namespace = true
  chart            = "${path.module}/../chart"

  # Later ones win: queue and ServiceAccount are those that the role is for.
  values = concat(
    var.chart.values,
    [yamlencode({ image = { for key, value in var.chart.image : key => value if value != null } }), yamlencode(local.chart_values)],
  )

  # A pod that starts before its role can do nothing, and gets the association's credentials only if it starts after it.
  depends_on = [aws_iam_role_policy_attachment.agent, aws_eks_pod_identity_association.agent]
}
