# One EKS cluster whose secrets live in its own account and region: pipe, agent by Pod Identity, PostgreSQL rotation.
#
#   cargo lambda build --release --arm64 --output-format zip -p rekey-heartbeat -p rekey-postgres
#   terraform init && terraform apply
#
# The agent's image has to be in a registry, and the cluster needs the add-on eks-pod-identity-agent.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
    helm = {
      source  = "hashicorp/helm"
      version = ">= 3.0, < 4.0"
    }
  }
}

variable "region" {
  description = "The region of cluster and secrets."
  type        = string
}

variable "cluster_name" {
  description = "The EKS cluster."
  type        = string
}

variable "image" {
  description = "The agent's image, without a tag."
  type        = string
}

variable "postgres_secret_arn" {
  description = "The full ARN of a secret with host, username and password of a PostgreSQL user."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets that reach the database, Secrets Manager and EventBridge."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security groups that the database lets in."
  type        = list(string)
}

provider "aws" {
  region = var.region
}

data "aws_eks_cluster" "this" {
  name = var.cluster_name
}

provider "helm" {
  kubernetes = {
    host                   = data.aws_eks_cluster.this.endpoint
    cluster_ca_certificate = base64decode(data.aws_eks_cluster.this.certificate_authority[0].data)
    # A token that is fetched when it is needed does not end in the state, or before the apply does.
    exec = {
      api_version = "client.authentication.k8s.io/v1beta1"
      command     = "aws"
      args        = ["eks", "get-token", "--cluster-name", var.cluster_name, "--region", var.region]
    }
  }
}

module "rekey" {
  source = "../.."

  cluster_name = var.cluster_name

  functions = {
    heartbeat = { zip = "${path.module}/../../../../target/lambda/rekey-heartbeat/bootstrap.zip" }
    postgres  = { zip = "${path.module}/../../../../target/lambda/rekey-rotation-postgres/bootstrap.zip" }
  }
  subnet_ids         = var.subnet_ids
  security_group_ids = var.security_group_ids

  rotated_secrets = {
    shop = {
      secret_arn = var.postgres_secret_arn
      engine     = "postgres"
      schedule   = "cron(0 4 1 * ? *)"
      window     = "3h"
    }
  }

  # By IRSA instead:
  #
  #   agent_identity       = "irsa"
  #   oidc_issuer          = data.aws_eks_cluster.this.identity[0].oidc[0].issuer
  #   create_oidc_provider = true # or oidc_provider_arn, where the account has one for this cluster
  chart = {
    image  = { repository = var.image }
    values = [yamlencode({ replicas = 2 })]
  }
}

output "rotation_function_arns" {
  description = "The rotation-lambda-arn for each engine."
  value       = module.rekey.rotation_function_arns
}
