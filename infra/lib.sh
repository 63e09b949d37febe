# What install.sh and clean-up.sh share. Sourced, never run.

ENGINES="postgres mysql mongodb redis elasticache iam generic"

say() { printf '%s\n' "$*"; }
step() { printf '%s\n' "- $*"; }
die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# The value of the option $1, which has to be there.
value() {
  (($# > 1)) || die "$1 needs a value"
  printf '%s' "$2"
}

need() {
  local program
  for program; do
    command -v "$program" >/dev/null || die "$program is needed and not on PATH"
  done
}

confirm() {
  [[ -t 0 ]] || die "nobody is there to ask; give --yes"
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
    die "$1 $2 failed; mend what it says above and run this again"
  fi
  rm -f "$log"
}

partition() { aws sts get-caller-identity --query Arn --output text | cut -d: -f2; }

# An output of a stack; nothing if there is none.
output() {
  local text
  text=$(aws cloudformation describe-stacks --stack-name "$1" --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue" --output text)
  [[ $text == None ]] || printf '%s' "$text"
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

# Secrets Manager's rules for schedules: "Schedule expressions in Secrets Manager rotation".
check_schedule() {
  local given=$1 number unit fields
  if [[ $given =~ ^rate\(([0-9]+)\ (hour|hours|day|days)\)$ ]]; then
    number=${BASH_REMATCH[1]} unit=${BASH_REMATCH[2]}
    [[ $unit != hour* ]] || ((number >= 4)) || die "--schedule $given: Secrets Manager rotates every 4 hours at most; as in rate(4 hours)"
    ((number >= 1 && number <= 999)) || die "--schedule $given: a number from 1 to 999"
    return
  fi
  [[ $given =~ ^cron\((.+)\)$ ]] || die "--schedule $given: it is cron(...) or rate(... hours) or rate(... days)"
  read -ra fields <<<"${BASH_REMATCH[1]}"
  ((${#fields[@]} == 6)) || die "--schedule $given: six fields, as in cron(0 4 1 * ? *)"
  [[ ${fields[0]} == 0 ]] || die "--schedule $given: Secrets Manager takes no minute but 0"
  [[ ${fields[1]} != \* ]] || die "--schedule $given: every hour is too often; as in cron(0 /4 * * ? *)"
  if [[ ${fields[1]} =~ /([0-9]+)$ ]]; then
    ((BASH_REMATCH[1] >= 4)) || die "--schedule $given: Secrets Manager rotates every 4 hours at most"
  fi
  [[ ${fields[2]} == \? || ${fields[4]} == \? ]] || die "--schedule $given: day of month or day of week is ?"
}

# A role with that name, policy and statement of trust. Sets role_arn.
role() {
  local trust='{"Version":"2012-10-17","Statement":['"$3"']}'
  if role_arn=$(aws iam get-role --role-name "$1" --query Role.Arn --output text 2>/dev/null); then
    aws iam update-assume-role-policy --role-name "$1" --policy-document "$trust"
  else
    role_arn=$(aws iam create-role --role-name "$1" --assume-role-policy-document "$trust" --query Role.Arn --output text)
  fi
  aws iam attach-role-policy --role-name "$1" --policy-arn "$2"
}

# An IAM user with that name and policy, its keys in a Secret of that namespace. Nothing shows them on the way.
user() {
  aws iam get-user --user-name "$1" >/dev/null 2>&1 || aws iam create-user --user-name "$1" >/dev/null
  aws iam attach-user-policy --user-name "$1" --policy-arn "$2"
  kubectl --namespace "$3" get secret "$4" >/dev/null 2>&1 && return
  aws iam create-access-key --user-name "$1" --query \
    'AccessKey.{AWS_ACCESS_KEY_ID: AccessKeyId, AWS_SECRET_ACCESS_KEY: SecretAccessKey}' --output json |
    python3 -c 'import json, sys; print(json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": sys.argv[1]}, "stringData": json.load(sys.stdin)}))' "$4" |
    kubectl --namespace "$3" create --filename - >/dev/null
}

static_environment() {
  printf '[{"name":"AWS_REGION","value":"%s"}' "$2"
  local key
  for key in AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; do
    printf ',{"name":"%s","valueFrom":{"secretKeyRef":{"name":"%s","key":"%s"}}}' "$key" "$1" "$key"
  done
  printf ']'
}
