#!/usr/bin/env bash
# Installs Rekey for one cluster: the stack in AWS, the agent's identity, the chart. Run it again after any failure, or to
# change something: each step looks at what is there. infra/clean-up.sh takes it all away.
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/lib.sh

usage() {
  cat <<'USAGE'
Installs Rekey for one cluster: the CloudFormation stack, the agent's identity and the chart.

Usage: infra/install.sh --identity KIND [options]

Where. Account and region are those of your AWS credentials, the cluster is that of your kubeconfig.
  --name NAME           name of the cluster, of the CloudFormation stack and of the helm release (rekey)
  --namespace NAME      namespace of the agent (rekey-system)

Identity of the agent
  --identity KIND       pod-identity, irsa, static (an IAM user, its keys in a Secret), or default: the agent is what its
                        pod is already, and you attach the policy
  --eks-cluster NAME    the cluster's name in EKS, for pod-identity and irsa
  --oidc-provider ARN   the cluster's provider in IAM, for irsa outside of EKS

What may be read and rotated
  --secrets PATTERN     ARNs of secrets that the agent may read, * allowed; repeat it for more (every secret)
  --engine NAME         a rotation function: postgres mysql mongodb redis elasticache iam generic; repeat it for more
  --rotate NAME=ARN     a secret that this engine's function rotates on the schedule; repeat it for every one of them
  --schedule EXPR       cron(...) with minute 0, or rate(...) of at least 4 hours (cron(0 4 1 * ? *))

  --parameter KEY=VALUE a further parameter of infra/template.yaml; repeat it for more
  --values FILE         further values of infra/chart; repeat it for more
  --no-build            take what sam build has made before
  --yes                 do not ask

What an earlier run was given and this one does not name stays as it is.
USAGE
}

name=rekey namespace=rekey-system identity= eks= provider= schedule= build=true yes=false
patterns=() engines=() rotated=() parameters=() values=()
while (($#)); do
  case $1 in
    --name) name=$(value "$@"); shift ;;
    --namespace) namespace=$(value "$@"); shift ;;
    --identity) identity=$(value "$@"); shift ;;
    --eks-cluster) eks=$(value "$@"); shift ;;
    --oidc-provider) provider=$(value "$@"); shift ;;
    --secrets) patterns+=("$(value "$@")"); shift ;;
    --engine) engines+=("$(value "$@")"); shift ;;
    --rotate) rotated+=("$(value "$@")"); shift ;;
    --schedule) schedule=$(value "$@"); shift ;;
    --parameter) parameters+=("$(value "$@")"); shift ;;
    --values) values+=(--values "$(value "$@")"); shift ;;
    --no-build) build=false ;;
    --yes) yes=true ;;
    -h | --help) usage; exit ;;
    *) die "unknown option $1; infra/install.sh --help lists them" ;;
  esac
  shift
done

# What can be known to be wrong is said before anything is made: first what needs nobody to ask.
[[ $name =~ ^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$ ]] || die "--name $name: 1 to 40 small letters, digits and hyphens"
case $identity in
  pod-identity) [[ $eks ]] || die "--identity pod-identity needs --eks-cluster" ;;
  irsa) [[ $eks || $provider ]] || die "--identity irsa needs --eks-cluster, or --oidc-provider outside of EKS" ;;
  static | default) ;;
  "") die "--identity is needed: pod-identity, irsa, static or default" ;;
  *) die "--identity $identity: there are pod-identity, irsa, static and default" ;;
esac
[[ ! $schedule ]] || check_schedule "$schedule"
declare -A secrets_of=()
for one in "${rotated[@]}"; do
  [[ $one == *=arn:*:secretsmanager:*:*:secret:* ]] || die "--rotate $one: write ENGINE=ARN with the secret's full ARN"
  engines+=("${one%%=*}")
  secrets_of[${one%%=*}]+="${secrets_of[${one%%=*}]:+,}${one#*=}"
done
for engine in "${engines[@]}"; do
  [[ " $ENGINES " == *" $engine "* ]] || die "unknown engine $engine; there are: $ENGINES"
done
for one in "${parameters[@]}"; do
  [[ $one == [A-Z]*=* ]] || die "--parameter $one: write KEY=VALUE with a parameter of infra/template.yaml"
done

# Then what AWS and the cluster know.
prerequisites aws sam helm kubectl
if "$build" && ! command -v cargo-lambda >/dev/null; then
  die "cargo-lambda is not on PATH; pip install cargo-lambda, or give --no-build if sam build has run"
fi
may create deployments
may create clusterroles
may create customresourcedefinitions
check_stack
for one in "${rotated[@]}"; do
  [[ $one == *=arn:*:secretsmanager:"$region":* ]] || die "--rotate $one: its region is not $region; a function rotates secrets of its own region"
  [[ $(seen secretsmanager describe-secret --secret-id "${one#*=}" --query ARN) ]] || die "--rotate $one: there is no such secret, or you may not see it"
done
if ((${#patterns[@]})); then
  read -ra there <<<"$(aws secretsmanager list-secrets --query 'SecretList[].ARN' --output text | tr '\n' '\t')"
  for pattern in "${patterns[@]}"; do
    matches "$pattern" "${there[@]}" || die "--secrets $pattern matches no secret of account $account in $region"
  done
fi
agent=$name-agent
case $identity in
  pod-identity | irsa)
    [[ $(marked role "$agent") != 0 ]] || die "the IAM role $agent is not install.sh's, and it is left alone; choose another --name"
    cluster=
    if [[ $eks ]]; then
      cluster=$(seen eks describe-cluster --name "$eks" --query '[cluster.arn,cluster.identity.oidc.issuer]')
      [[ $cluster ]] || die "--eks-cluster $eks: there is no such cluster in $region, or you may not see it"
      read -r cluster issuer <<<"$cluster"
    fi
    ;;&
  irsa)
    [[ $provider ]] || provider=arn:$partition:iam::$account:oidc-provider/${issuer#https://}
    [[ $(seen iam get-open-id-connect-provider --open-id-connect-provider-arn "$provider" --query Url) ]] ||
      die "IAM has no provider $provider; make it with: aws iam create-open-id-connect-provider --url https://${provider#*oidc-provider/} --client-id-list sts.amazonaws.com"
    ;;
  static)
    [[ $(marked user "$agent") != 0 ]] || die "the IAM user $agent is not install.sh's, and it is left alone; choose another --name"
    ;;
esac

# Another controller of the same objects.
owner=$(kubectl get crd externalsecrets.external-secrets.io --ignore-not-found \
  --output 'jsonpath={.metadata.name} {.metadata.annotations.meta\.helm\.sh/release-namespace}/{.metadata.annotations.meta\.helm\.sh/release-name}')
if [[ $owner && ${owner#* } != "$namespace/$name" ]]; then
  values+=(--set crds.install=false)
  kept="; its CustomResourceDefinitions stay those of ${owner#* }"
fi

# As it will be installed, which also finds what is wrong with the values.
chart=(helm upgrade --install "$name" infra/chart --namespace "$namespace" --reset-then-reuse-values "${values[@]}")
rendered=$("${chart[@]}" --dry-run=client --set queueUrl=https://any/any/any) || die "the chart refuses its values; mend what it says above"
account_name=$(awk '/serviceAccountName:/ {print $2; exit}' <<<"$rendered")
[[ $account_name ]] || die "the chart has no ServiceAccount; give serviceAccount.name"
if [[ $rendered != *--mode=companion* ]]; then
  others=$(kubectl get deployments --all-namespaces --selector 'app.kubernetes.io/name in (external-secrets, reloader)' \
    --output 'jsonpath={range .items[?(@.spec.replicas > 0)]}{.metadata.namespace}/{.metadata.name} {end}')
  [[ ! $others ]] ||
    die "these would do the same work: $others; scale them to zero first, or take mode: companion as a value of the chart"
fi

say "Account $account, region $region, cluster $(kubectl config current-context):"
say "  CloudFormation stack $name: queue, rule, heartbeat, rotation functions: ${engines[*]:-as they are}"
for engine in "${!secrets_of[@]}"; do
  for arn in ${secrets_of[$engine]//,/ }; do say "  rotation of $arn"; done
  for arn in $(parameter "${engine^}Secrets" | tr , ' '); do
    [[ ,${secrets_of[$engine]}, == *",$arn,"* ]] || say "  NO MORE rotation of $arn, which --rotate does not name"
  done
done
say "  identity of ServiceAccount $namespace/$account_name: $identity"
say "  helm release $name in namespace $namespace${kept:-}"
"$yes" || confirm "Install?"

overrides=("ClusterName=$name")
for engine in $(printf '%s\n' "${engines[@]}" | sort -u); do
  overrides+=("Engine${engine^}=true")
  [[ ! ${secrets_of[$engine]:-} ]] || overrides+=("${engine^}Secrets=${secrets_of[$engine]}")
done
((!${#patterns[@]})) || overrides+=("SecretArnPatterns=$(IFS=,; echo "${patterns[*]}")")
[[ ! $schedule ]] || overrides+=("RotationSchedule=\"$schedule\"")
overrides+=("${parameters[@]}")
if "$build"; then
  step "sam build (minutes the first time)"
  quietly sam build --parameter-overrides "${overrides[@]}"
fi
step "sam deploy: CloudFormation stack $name"
quietly sam deploy --stack-name "$name" --resolve-s3 --capabilities CAPABILITY_IAM --no-confirm-changeset \
  --no-fail-on-empty-changeset --no-progressbar --parameter-overrides "${overrides[@]}"
policy=$(output AgentPolicyArn)

step "identity: $identity"
if [[ ! $(kubectl get namespace "$namespace" --ignore-not-found --output name) ]]; then
  kubectl create namespace "$namespace" >/dev/null
  kubectl label namespace "$namespace" "app.kubernetes.io/managed-by=rekey-install" >/dev/null
fi
# A role with this statement of trust.
role() {
  local trust='{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'"$1"'}]}'
  if [[ $(marked role "$agent") == - ]]; then
    aws iam create-role --role-name "$agent" --assume-role-policy-document "$trust" --tags "Key=$MARK,Value=$name" >/dev/null
  else
    aws iam update-assume-role-policy --role-name "$agent" --policy-document "$trust"
  fi
  aws iam attach-role-policy --role-name "$agent" --policy-arn "$policy"
  role_arn=$(aws iam get-role --role-name "$agent" --query Role.Arn --output text)
}
kind=default
case $identity in
  pod-identity)
    kind=podIdentity
    # The tags are those that EKS gives to each session. Without them the role would be open to every association of the account.
    role '"Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEquals":{
      "aws:RequestTag/kubernetes-namespace":"'"$namespace"'","aws:RequestTag/kubernetes-service-account":"'"$account_name"'",
      "aws:RequestTag/eks-cluster-arn":"'"$cluster"'"}}'
    association=$(seen eks list-pod-identity-associations --cluster-name "$eks" --namespace "$namespace" \
      --service-account "$account_name" --query 'associations[0].associationId')
    if [[ $association ]]; then
      aws eks update-pod-identity-association --cluster-name "$eks" --association-id "$association" --role-arn "$role_arn" >/dev/null
    else
      aws eks create-pod-identity-association --cluster-name "$eks" --namespace "$namespace" --service-account "$account_name" \
        --role-arn "$role_arn" --tags "$MARK=$name" >/dev/null
    fi
    ;;
  irsa)
    issuer=${provider#*oidc-provider/}
    role '"Principal":{"Federated":"'"$provider"'"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{
      "'"$issuer"':sub":"system:serviceaccount:'"$namespace:$account_name"'","'"$issuer"':aud":"sts.amazonaws.com"}}'
    kind=irsa
    ;;
  static)
    [[ $(marked user "$agent") != - ]] || aws iam create-user --user-name "$agent" --tags "Key=$MARK,Value=$name" >/dev/null
    aws iam attach-user-policy --user-name "$agent" --policy-arn "$policy"
    if [[ ! $(kubectl --namespace "$namespace" get secret "$name-aws" --ignore-not-found --output name) ]]; then
      # From the one to the other, past every screen, file and list of processes.
      aws iam create-access-key --user-name "$agent" --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text |
        { read -r id key; printf 'access-key-id=%s\nsecret-access-key=%s\n' "$id" "$key"; } |
        kubectl --namespace "$namespace" create secret generic "$name-aws" --from-env-file /dev/stdin >/dev/null
    fi
    kind=static keys=$name-aws
    ;;
esac
# What an earlier run said of another identity is taken back.
chart+=(--set "identity.kind=$kind" --set-string "identity.roleArn=${role_arn:-},identity.secretName=${keys:-}")

step "helm upgrade --install $name"
"${chart[@]}" --set-string "queueUrl=$(output QueueUrl)" --set-string "heartbeatPeriod=$(output HeartbeatPeriod)"
step "waiting for the agent"
kubectl --namespace "$namespace" rollout status deployment --selector "app.kubernetes.io/instance=$name" --timeout 5m ||
  die "the agent does not start; look with: kubectl --namespace $namespace describe pods"
[[ $identity != default ]] || say "Attach the policy $policy to whatever the agent is in AWS."
for engine in $ENGINES; do
  arn=$(output "Rotation${engine^}FunctionArn")
  [[ ! $arn ]] || say "To rotate a secret of $engine: aws secretsmanager rotate-secret --secret-id ID --rotation-lambda-arn $arn --rotation-rules AutomaticallyAfterDays=30"
done
