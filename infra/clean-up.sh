#!/usr/bin/env bash
# Takes away what infra/install.sh made, in an order in which nothing breaks: rotations end before their functions go, the agent
# goes before its queue. Secrets in AWS, CustomResourceDefinitions, ExternalSecrets and the Secrets made from them stay, unless asked.
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/lib.sh

usage() {
  cat <<'USAGE'
Takes away what infra/install.sh made. Secrets of AWS keep their values, Kubernetes its ExternalSecrets and Secrets.

Usage: infra/clean-up.sh [options]

  --name NAME           as it was given to install.sh (rekey)
  --namespace NAME      as it was given to install.sh (rekey-system)
  --eks-cluster NAME    as it was given to install.sh for pod-identity
  --delete-crds         also delete the CustomResourceDefinitions, and with them every ExternalSecret, and every Secret that one owns
  --delete-secret ID    also delete this secret of AWS; for 30 days it can be restored; repeat it for more
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
prerequisites aws sam helm kubectl
check_stack
for id in "${deleted[@]}"; do
  [[ $(seen secretsmanager describe-secret --secret-id "$id" --query ARN) ]] || die "--delete-secret $id: there is no such secret, or you may not see it"
done

agent=$name-agent
rotated=()
for function in $(functions); do
  read -ra more <<<"$(seen secretsmanager list-secrets --query "SecretList[?RotationEnabled && RotationLambdaARN=='$function'].ARN" | tr '\n' '\t')"
  rotated+=("${more[@]}")
done
associations=
[[ ! $eks ]] || associations=$(seen eks list-pod-identity-associations --cluster-name "$eks" --namespace "$namespace" --query 'associations[].associationId')

say "Account $account, region $region, cluster $(kubectl config current-context):"
for arn in "${rotated[@]}"; do say "  end the rotation of $arn, whose value stays"; done
say "  helm release $name in namespace $namespace"
say "  the agent's role, user and association, as far as install.sh made them"
say "  CloudFormation stack $name with its queue and functions"
! "$crds" || say "  the CustomResourceDefinitions of external-secrets.io, ALL their objects, and the Secrets that those own"
for id in "${deleted[@]}"; do say "  the secret $id, which can be restored for 30 days"; done
"$yes" || confirm "Take this away?"

# A rotation that is cut short can leave a password in force that is no secret's AWSCURRENT yet.
pending() {
  seen secretsmanager describe-secret --secret-id "$1" \
    --query "length(values(VersionIdsToStages)[?contains(@, 'AWSPENDING') && !contains(@, 'AWSCURRENT')])"
}
for arn in "${rotated[@]}"; do
  step "ending the rotation of $arn"
  for _ in {1..60}; do
    [[ $(pending "$arn") != 0 ]] || break
    sleep 2
  done
  [[ $(pending "$arn") == 0 ]] ||
    die "a rotation of $arn has begun and does not end; see its function's log, and end it with: aws secretsmanager rotate-secret --secret-id $arn"
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
for id in $associations; do
  mark=$(seen eks describe-pod-identity-association --cluster-name "$eks" --association-id "$id" --query "association.tags.\"$MARK\"")
  if [[ $mark == "$name" ]]; then
    step "deleting the pod identity association $id"
    aws eks delete-pod-identity-association --cluster-name "$eks" --association-id "$id" >/dev/null
  fi
done
policy=$(output AgentPolicyArn)
if [[ $(marked role "$agent") == 1 ]]; then
  step "deleting the role $agent"
  [[ ! $policy ]] || aws iam detach-role-policy --role-name "$agent" --policy-arn "$policy"
  aws iam delete-role --role-name "$agent"
fi
if [[ $(marked user "$agent") == 1 ]]; then
  step "deleting the user $agent"
  for key in $(seen iam list-access-keys --user-name "$agent" --query 'AccessKeyMetadata[].AccessKeyId'); do
    aws iam delete-access-key --user-name "$agent" --access-key-id "$key"
  done
  [[ ! $policy ]] || aws iam detach-user-policy --user-name "$agent" --policy-arn "$policy"
  aws iam delete-user --user-name "$agent"
fi
if [[ $(seen cloudformation describe-stacks --stack-name "$name" --query 'Stacks[0].StackName') ]]; then
  step "sam delete: CloudFormation stack $name"
  quietly sam delete --stack-name "$name" --no-prompts --region "$region"
fi
if [[ $(kubectl get namespace "$namespace" --ignore-not-found --output 'jsonpath={.metadata.labels.app\.kubernetes\.io/managed-by}') == rekey-install ]]; then
  if [[ $(kubectl --namespace "$namespace" get pods,deployments,statefulsets,daemonsets,cronjobs,persistentvolumeclaims --output name) ]]; then
    say "The namespace $namespace stays, for others work in it."
  else
    step "deleting the namespace $namespace"
    kubectl delete namespace "$namespace" >/dev/null
  fi
fi
for id in "${deleted[@]}"; do
  step "deleting the secret $id"
  aws secretsmanager delete-secret --secret-id "$id" --recovery-window-in-days 30 >/dev/null
done
say "Secrets of AWS${deleted:+ but those named} stay$("$crds" || echo ", and so do CustomResourceDefinitions, ExternalSecrets and Secrets of Kubernetes")."
