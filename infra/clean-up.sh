#!/usr/bin/env bash
# Takes away what infra/install.sh made, in an order in which nothing breaks: rotations end before their functions go, the agent
# goes before its queue. Secrets in AWS, CustomResourceDefinitions, ExternalSecrets and the Secrets made from them stay, unless asked.
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/lib.sh

usage() {
  cat <<'USAGE'
Usage: infra/clean-up.sh [options]

  --name NAME           as it was given to install.sh (rekey)
  --namespace NAME      as it was given to install.sh (rekey-system)
  --eks-cluster NAME    as it was given to install.sh with --identity pod-identity
  --delete-crds         also delete the CustomResourceDefinitions, and with them every ExternalSecret and every Secret that one owns
  --delete-secret ID    also delete this secret of AWS, to be restored for 30 days; repeat it for more
  --yes                 do not ask
USAGE
}

name=rekey namespace=rekey-system eks= crds=false yes=false
deleted=()
while (($#)); do
  case $1 in
    --name) name=$(value "$@"); shift ;;
    --namespace) namespace=$(value "$@"); shift ;;
    --eks-cluster) eks=$(value "$@"); shift ;;
    --delete-crds) crds=true ;;
    --delete-secret) deleted+=("$(value "$@")"); shift ;;
    --yes) yes=true ;;
    -h | --help) usage; exit ;;
    *) die "unknown option $1; infra/clean-up.sh --help lists them" ;;
  esac
  shift
done
need aws sam helm kubectl
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
[[ $region ]] || die "no region; export AWS_REGION"

rotated=$(aws secretsmanager list-secrets \
  --query "SecretList[?RotationEnabled && contains(RotationLambdaARN, ':function:$name-rotation-')].ARN" --output text)
[[ $rotated != None ]] || rotated=
say "Cluster $(kubectl config current-context), region $region:"
for arn in $rotated; do say "  end the rotation of $arn, whose value stays"; done
say "  helm release $name in namespace $namespace"
say "  CloudFormation stack $name with its queue and functions"
say "  the agent's role or user $name-agent"
"$crds" && say "  all CustomResourceDefinitions of external-secrets.io, their objects, and the Secrets that those own"
for id in "${deleted[@]}"; do say "  the secret $id, to be restored for 30 days"; done
"$yes" || confirm "Take this away?"

for arn in $rotated; do
  step "ending the rotation of $arn"
  aws secretsmanager cancel-rotate-secret --secret-id "$arn" >/dev/null
done
if helm status "$name" --namespace "$namespace" >/dev/null 2>&1; then
  step "helm uninstall $name"
  helm uninstall "$name" --namespace "$namespace" --wait
fi
kubectl --namespace "$namespace" delete secret "$name-aws" --ignore-not-found
if "$crds"; then
  step "deleting the CustomResourceDefinitions"
  kubectl delete crd --ignore-not-found {clusterexternalsecrets,clustersecretstores,externalsecrets,secretstores}.external-secrets.io
fi
if [[ $eks ]]; then
  for id in $(aws eks list-pod-identity-associations --cluster-name "$eks" --namespace "$namespace" \
    --query 'associations[].associationId' --output text); do
    step "deleting the pod identity association $id"
    aws eks delete-pod-identity-association --cluster-name "$eks" --association-id "$id" >/dev/null
  done
fi
policy=$(output "$name" AgentPolicyArn 2>/dev/null || true)
if aws iam get-role --role-name "$name-agent" >/dev/null 2>&1; then
  step "deleting the role $name-agent"
  [[ ! $policy ]] || aws iam detach-role-policy --role-name "$name-agent" --policy-arn "$policy"
  aws iam delete-role --role-name "$name-agent"
fi
if aws iam get-user --user-name "$name-agent" >/dev/null 2>&1; then
  step "deleting the user $name-agent"
  for key in $(aws iam list-access-keys --user-name "$name-agent" --query 'AccessKeyMetadata[].AccessKeyId' --output text); do
    aws iam delete-access-key --user-name "$name-agent" --access-key-id "$key"
  done
  [[ ! $policy ]] || aws iam detach-user-policy --user-name "$name-agent" --policy-arn "$policy"
  aws iam delete-user --user-name "$name-agent"
fi
if aws cloudformation describe-stacks --stack-name "$name" >/dev/null 2>&1; then
  step "sam delete: CloudFormation stack $name"
  quietly sam delete --stack-name "$name" --no-prompts --region "$region"
fi
for id in "${deleted[@]}"; do
  step "deleting the secret $id"
  aws secretsmanager delete-secret --secret-id "$id" --recovery-window-in-days 30 >/dev/null
done
say "What stays: secrets in AWS, and, unless asked otherwise, CustomResourceDefinitions, ExternalSecrets and Secrets in Kubernetes."
