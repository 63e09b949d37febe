# What install.sh and clean-up.sh share. Sourced, never run.

ENGINES="postgres mysql mongodb redis elasticache iam generic"
# What install.sh makes beside the stack and the release has this mark, and clean-up.sh takes nothing away that has it not.
MARK=rekey:cluster
export AWS_PAGER=

say() { printf '%s\n' "$*"; }
step() { printf -- '- %s\n' "$*"; }
die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# The value of the option $1, which has to be there.
value() {
  (($# > 1)) || die "$1 needs a value; --help lists the options"
  printf '%s' "$2"
}

# Programs and credentials, before anything else. Sets account, region and partition.
prerequisites() {
  ((BASH_VERSINFO[0] > 4 || (BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4))) || die "bash is older than 4.4; install a newer one"
  local program identity
  for program; do
    command -v "$program" >/dev/null || die "$program is not on PATH; install it"
  done
  identity=$(aws sts get-caller-identity --query '[Account,Arn]' --output text) ||
    die "AWS does not know you; run aws configure, or export credentials"
  read -r account identity <<<"$identity"
  partition=$(cut -d: -f2 <<<"$identity")
  region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
  [[ $region ]] || die "no region is set; export AWS_REGION"
  export AWS_REGION=$region AWS_DEFAULT_REGION=$region
  kubectl get --raw /version >/dev/null 2>&1 || die "kubectl reaches no cluster; set KUBECONFIG, or kubectl config use-context"
}

may() {
  kubectl auth can-i "$1" "$2" --namespace "$namespace" --quiet >/dev/null 2>&1 ||
    die "your kubeconfig may not $1 $2; take one of an administrator of the cluster"
}

confirm() {
  [[ -t 0 ]] || die "nobody is there to ask, and nothing was changed; give --yes"
  local answer
  read -r -p "$1 [y/N] " answer
  [[ $answer == [yY]* ]] || die "nothing was changed"
}

# Runs a command whose output only matters if it fails.
quietly() {
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    die "$1 $2 failed; mend what it says above, and run this again"
  fi
  rm -f "$log"
}

# Runs aws, and prints nothing where AWS has nothing: neither an error nor the word None.
seen() {
  local text
  text=$(aws "$@" --output text 2>/dev/null) || return 0
  [[ $text == None ]] || printf '%s' "$text"
}

# An output and a parameter of the CloudFormation stack; nothing if there is none.
output() { seen cloudformation describe-stacks --stack-name "$name" --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"; }
parameter() { seen cloudformation describe-stacks --stack-name "$name" --query "Stacks[0].Parameters[?ParameterKey=='$1'].ParameterValue"; }

# The ARNs of the stack's rotation functions.
functions() {
  seen cloudformation describe-stacks --stack-name "$name" \
    --query "Stacks[0].Outputs[?starts_with(OutputKey, 'Rotation') && ends_with(OutputKey, 'FunctionArn')].OutputValue"
}

# A stack of that name is one of infra/template.yaml, or there is none.
check_stack() {
  [[ ! $(seen cloudformation describe-stacks --stack-name "$name" --query 'Stacks[0].StackName') || $(output QueueUrl) ]] ||
    die "the CloudFormation stack $name is not one of infra/template.yaml with a queue; choose another --name"
}

# How many roles or users of that name have the mark of this installation: 1, 0, or - where there is none of that name.
marked() {
  local kind=$1
  [[ $(seen iam "get-$kind" "--$kind-name" "$2" --query "$([[ $kind == role ]] && echo Role || echo User).Arn") ]] || { echo -; return; }
  seen iam "list-$kind-tags" "--$kind-name" "$2" --query "length(Tags[?Key=='$MARK' && Value=='$name'])"
}

# Whether one of the words after the first matches the first, in which * is any text.
matches() {
  local pattern=$1 word
  shift
  for word; do
    # The pattern is not quoted, so that it is one.
    # shellcheck disable=SC2053
    [[ $word == $pattern ]] && return 0
  done
  return 1
}

# What Secrets Manager refuses: "Schedule expressions in Secrets Manager rotation" in its user guide.
check_schedule() {
  local given=$1 number fields
  if [[ $given =~ ^rate\(([0-9]+)\ (hours?|days?)\)$ ]]; then
    number=${BASH_REMATCH[1]}
    [[ ${BASH_REMATCH[2]} != hour* ]] || ((number >= 4)) || die "--schedule $given: every 4 hours is the most; write rate(4 hours)"
    ((number >= 1 && number <= 999)) || die "--schedule $given: the number is from 1 to 999"
    return
  fi
  [[ $given =~ ^cron\((.+)\)$ ]] || die "--schedule $given: write cron(...), rate(... hours) or rate(... days)"
  read -ra fields <<<"${BASH_REMATCH[1]}"
  ((${#fields[@]} == 6)) || die "--schedule $given: six fields, as in cron(0 4 1 * ? *)"
  [[ ${fields[0]} == 0 ]] || die "--schedule $given: the minute is 0 for Secrets Manager, as in cron(0 4 1 * ? *)"
  [[ ${fields[1]} != \* ]] || die "--schedule $given: every hour is too often; write cron(0 /4 * * ? *)"
  if [[ ${fields[1]} =~ /([0-9]+)$ ]]; then
    ((BASH_REMATCH[1] >= 4)) || die "--schedule $given: every 4 hours is the most; write cron(0 /4 * * ? *)"
  fi
  [[ ${fields[2]} == \? || ${fields[4]} == \? ]] || die "--schedule $given: day of month or day of week is ?, as in cron(0 4 1 * ? *)"
}
