output "queue_url" {
  description = "The agent's queue-url; null where there is no queue."
  value       = one(aws_sqs_queue.changes[*].url)
}

output "dead_letter_queue_url" {
  description = "Where undeliverable and malformed messages end."
  value       = one(aws_sqs_queue.dead_letters[*].url)
}

output "agent_policy_arn" {
  description = "Policy to attach to the agent's role, where that is made elsewhere."
  value       = one(aws_iam_policy.agent[*].arn)
}

output "agent_role_arn" {
  description = "The agent's role; roles that stores name have to trust it."
  value       = one(aws_iam_role.agent[*].arn)
}

output "reader_role_arn" {
  description = "The role for stores of clusters in other accounts."
  value       = one(aws_iam_role.reader[*].arn)
}

output "rotation_function_arns" {
  description = "The rotation-lambda-arn for each engine."
  value       = { for name, function in aws_lambda_function.this : name => function.arn if name != "heartbeat" }
}

output "heartbeat_function_name" {
  description = "Invoke it for a heartbeat out of turn."
  value       = one([for name, function in aws_lambda_function.this : function.function_name if name == "heartbeat"])
}

output "chart_values" {
  description = "Values for the chart, where it is installed by other means."
  value       = local.chart_values
}
