output "documents" {
  description = "The policy of everybody who acts (agent, reader, relay, each function), as JSON; null where nothing is allowed."
  value       = local.documents
}

output "trusts" {
  description = "The trust policy of each kind of role (irsa, pod-identity, reader, relay, function), as JSON."
  value       = { for name, statement in local.trusts : name => jsonencode({ Version = "2012-10-17", Statement = [statement] }) }
}

output "service_account" {
  description = "The name of the agent's ServiceAccount."
  value       = local.service_account
}

output "functions" {
  description = "What each function needs: memory in MB, timeout in seconds, and whether it runs in the VPC if there is one."
  value = { for name, function in local.functions : name => {
    memory  = function.memory
    timeout = function.timeout
    network = contains(function.policies, "network")
  } }
}
