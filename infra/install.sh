#!/usr/bin/env bash
# Installs Rekey for one cluster: the stack in AWS, the agent's identity, the chart. Run it again after any failure, or to
# change something: each step looks at what is there. infra/clean-up.sh takes it all away.
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/lib.sh

usage() {
  cat <<'USAGE'
Usage: infra/install.sh [options]

Where
  --name NAME           name of the cluster, of the CloudFormation stack and of the helm release (rekey)
  --namespace NAME      namespace of the agent (rekey-system)
                        The account and region are those of your AWS credentials, the cluster that of your kubeconfig.
What may be read
  --secrets PATTERN     ARN, * allowed, of secrets that the agent may read; repeat it for more (every secret)
Rotation
  --engine NAME         a rotation function: postgres mysql mongodb redis elasticache iam generic; repeat it for more
  --rotate NAME=ARN     a secret that the function of that engine rotates on the schedule; repeat it for more
  --schedule EXPR       cron(...) with minute 0, or rate(...) of at least 4 hours (the template's default)
Identity of the agent
  --identity KIND       irsa, pod-identity, static (an IAM user, its keys in a Secret) or none (you attach the policy) (none)
  --eks-cluster NAME    the cluster's name in EKS, for irsa and pod-identity
  --oidc-provider ARN   for irsa outside of EKS: the cluster's provider in IAM
Agent
  --image REPOSITORY    where the cluster finds the agent's image
  --parameter KEY=VALUE a further parameter of infra/template.yaml; repeat it for more
  --set KEY=VALUE       a further value of infra/chart; repeat it for more

  --no-build            take what sam build has made before
  --no-wait             do not wait for the agent's pods
  --yes                 do not ask
USAGE
}

name=rekey namespace=rekey-system identity=none eks= provider= image= schedule=
build=true wait=true yes=false
patterns=() engines=() rotated=() parameters=() values=()
while (($#)); do
  case $1 in
    --name) name=$(value "$@"); shift ;;
    --namespace) namespace=$(value "$@"); shift ;;
    --secrets) patterns+=("$(value "$@")"); shift ;;
    --engine) engines+=("$(value "$@")"); shift ;;
    --rotate) rotated+=("$(value "$@")"); shift ;;
    --schedule) schedule=$(value "$@"); shift ;;
    --identity) identity=$(value "$@"); shift ;;
    --eks-cluster) eks=$(value "$@"); shift ;;
    --oidc-provider) provider=$(value "$@"); shift ;;
    --image) image=$(value "$@"); shift ;;
    --parameter) parameters+=("$(value "$@")"); shift ;;
    --set) values+=(--set "$(value "$@")"); shift ;;
    --no-build) build=false ;;
    --no-wait) wait=false ;;
    --yes) yes=true ;;
    -h | --help) usage; exit ;;
    *) die "unknown option $1; infra/install.sh --help lists them" ;;
  esac
  shift
done

# Everything that can be known to be wrong is said before anything is made.
need aws sam helm kubectl
"$build" && need cargo-lambda
account=$(aws sts get-caller-identity --query Account --output text) || die "AWS does not know you; run \`aws configure\` or export credentials"
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
[[ $region ]] || die "no region; export AWS_REGION"
kubectl auth can-i create deployments --namespace "$namespace" --quiet || die "you may not create Deployments in $namespace; choose another kubeconfig"
[[ $name =~ ^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$ ]] || die "--name $name: 1 to 40 small letters, digits and hyphens"

declare -A secrets_of=()
for one in "${rotated[@]}"; do
  engine=${one%%=*} arn=${one#*=}
  [[ $one == *=arn:*:secretsmanager:*:secret:* ]] || die "--rotate $one: it is ENGINE=ARN, with the secret's full ARN"
  engines+=("$engine")
  secrets_of[$engine]+=${secrets_of[$engine]:+,}$arn
  aws secretsmanager describe-secret --secret-id "$arn" >/dev/null 2>&1 || die "--rotate $one: there is no such secret, or you may not see it"
done
for engine in "${engines[@]}"; do
  [[ " $ENGINES " == *" $engine "* ]] || die "unknown engine $engine; there are: $ENGINES"
done
[[ ! $schedule ]] || check_schedule "$schedule"
if ((${#patterns[@]})); then
  there=$(aws secretsmanager list-secrets --query 'SecretList[].ARN' --output text)
  for pattern in "${patterns[@]}"; do
    matches "$pattern" $there || die "--secrets $pattern matches no secret of account $account in $region"
  done
fi
case $identity in
  irsa) [[ $eks || $provider ]] || die "--identity irsa needs --eks-cluster (or --oidc-provider outside of EKS)" ;;
  pod-identity) [[ $eks ]] || die "--identity pod-identity needs --eks-cluster" ;;
  static | none) ;;
  *) die "--identity $identity: irsa, pod-identity, static or none" ;;
esac

service_account=$(helm template "$name" infra/chart --namespace "$namespace" --set queueUrl=any "${values[@]}" \
  --show-only templates/serviceaccount.yaml | awk '/^  name:/ {print $2; exit}')
say "Account $account, region $region, cluster $(kubectl config current-context):"
say "  CloudFormation stack $name: queue, rule, heartbeat, functions: ${engines[*]:-none}"
say "  identity of ServiceAccount $namespace/$service_account: $identity"
say "  helm release $name in namespace $namespace"
"$yes" || confirm "Install?"

# The stack.
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
queue=$(output "$name" QueueUrl) policy=$(output "$name" AgentPolicyArn) period=$(output "$name" HeartbeatPeriod)

# The agent's identity.
step "identity: $identity"
kubectl get namespace "$namespace" >/dev/null 2>&1 || kubectl create namespace "$namespace" >/dev/null
subject="system:serviceaccount:$namespace:$service_account"
case $identity in
  irsa)
    if [[ ! $provider ]]; then
      issuer=$(aws eks describe-cluster --name "$eks" --query cluster.identity.oidc.issuer --output text)
      provider="arn:$(partition):iam::$account:oidc-provider/${issuer#https://}"
      aws iam get-open-id-connect-provider --open-id-connect-provider-arn "$provider" >/dev/null 2>&1 ||
        aws iam create-open-id-connect-provider --url "$issuer" --client-id-list sts.amazonaws.com >/dev/null
    fi
    issuer=${provider#*oidc-provider/}
    role "$name-agent" "$policy" '{"Effect":"Allow","Principal":{"Federated":"'"$provider"'"},"Action":"sts:AssumeRoleWithWebIdentity",
      "Condition":{"StringEquals":{"'"$issuer"':sub":"'"$subject"'","'"$issuer"':aud":"sts.amazonaws.com"}}}'
    values+=(--set-string "serviceAccount.annotations.eks\.amazonaws\.com/role-arn=$role_arn")
    ;;
  pod-identity)
    role "$name-agent" "$policy" '{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}'
    found=$(aws eks list-pod-identity-associations --cluster-name "$eks" --namespace "$namespace" \
      --service-account "$service_account" --query 'associations[0].associationId' --output text)
    [[ $found != None ]] || aws eks create-pod-identity-association --cluster-name "$eks" --namespace "$namespace" \
      --service-account "$service_account" --role-arn "$role_arn" >/dev/null
    ;;
  static)
    user "$name-agent" "$policy" "$namespace" "$name-aws"
    values+=(--set-json "extraEnv=$(static_environment "$name-aws" "$region")")
    ;;
esac

# The chart.
step "helm upgrade --install $name"
[[ ! $image ]] || values+=(--set-string "image.repository=$image")
helm upgrade --install "$name" infra/chart --namespace "$namespace" --set-string "queueUrl=$queue" \
  --set-string "heartbeatPeriod=$period" "${values[@]}"
if "$wait"; then
  step "waiting for the agent"
  kubectl --namespace "$namespace" rollout status deployment --selector "app.kubernetes.io/instance=$name" --timeout 5m
fi
[[ $identity != none ]] || say "Attach the policy $policy to the identity of ServiceAccount $namespace/$service_account."
for engine in $(printf '%s\n' "${engines[@]}" | sort -u); do
  say "Rotation of $engine secrets: --rotation-lambda-arn $(output "$name" "Rotation${engine^}FunctionArn")"
done
