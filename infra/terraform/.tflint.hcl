# The rules that tflint brings along. Those for AWS would have to be downloaded from GitHub.

config {
  call_module_type = "local"
}

plugin "terraform" {
  enabled = true
  preset  = "all"
}

# Files are named after their subjects, not main.tf.
rule "terraform_standard_module_structure" {
  enabled = false
}
