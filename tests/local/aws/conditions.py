"""What IAM policies are evaluated against, where MiniStack gives the evaluator less than AWS does.

Secrets Manager: the condition keys of its service authorization reference, of which SAM's
AWSSecretsManagerRotationPolicy needs `secretsmanager:resource/AllowRotationLambdaArn`. Parameter Store: GetParameters,
DeleteParameters and GetParametersByPath on the parameters they name, each of them; MiniStack checks `*`, which no
least-privilege policy allows; and a Name that is an ARN or carries a `:version` as the parameter it means. SQS: a batch
is checked as the action that it is a batch of. IAM: a user's ARN has the user's path in it, also where a call names
the user by one of its access keys.
"""

import contextvars
import json
from urllib.parse import parse_qs

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam, secretsmanager

import hooks

# The parameters of the request that is being checked; extract_resource_arn sees them just before enforce runs.
_request = contextvars.ContextVar("rekey_request", default=None)

# The service authorization reference knows no other name for these calls.
_BATCHES = {f"sqs:{action}Batch": f"sqs:{action}" for action in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")}

_FROM_REQUEST = {
    "VersionId": "secretsmanager:versionid",
    "VersionStage": "secretsmanager:versionstage",
    "Name": "secretsmanager:name",
    "Description": "secretsmanager:description",
    "KmsKeyId": "secretsmanager:kmskeyid",
    "RotationLambdaARN": "secretsmanager:rotationlambdaarn",
    "RecoveryWindowInDays": "secretsmanager:recoverywindowindays",
    "ForceDeleteWithoutRecovery": "secretsmanager:forcedeletewithoutrecovery",
}


def _secret_keys(parameters, resource_arn):
    keys = {}
    for name, key in _FROM_REQUEST.items():
        value = parameters.get(name)
        if isinstance(value, bool):
            value = str(value).lower()
        if value is not None:
            keys[key] = str(value)
    if ":secret:" in resource_arn:
        keys["secretsmanager:secretid"] = resource_arn
        _, secret = secretsmanager._resolve(resource_arn)
        if secret and secret["ARN"] == resource_arn:
            if secret.get("RotationLambdaARN"):
                keys["secretsmanager:resource/allowrotationlambdaarn"] = secret["RotationLambdaARN"]
            keys["secretsmanager:secretprimaryregion"] = (
                secret.get("_PrimaryRegion") or resource_arn.split(":")[3])
            for tag in secret.get("Tags") or []:
                keys[f"secretsmanager:resourcetag/{tag['Key']}".lower()] = tag["Value"]
                keys[f"aws:resourcetag/{tag['Key']}".lower()] = tag["Value"]
    return keys


def _parameter_arn(name, region, account):
    if name.startswith("arn:"):
        head, _, rest = name.partition(":parameter/")
        return f"{head}:parameter/{rest.partition(':')[0]}"
    return f"arn:aws:ssm:{region}:{account}:parameter/{name.partition(':')[0].lstrip('/')}"


def _parameter_arns(parameters, region, account):
    """The ARNs that a Parameter Store request names, or none when MiniStack's own answer stands."""
    if isinstance(parameters.get("Path"), str):
        return [_parameter_arn(parameters["Path"].rstrip("/"), region, account)]
    names = parameters.get("Names") or [parameters.get("Name")]
    return [_parameter_arn(name, region, account) for name in names if isinstance(name, str) and name]


def _user_arn(body):
    """The ARN of the user that an IAM request is about, or None when MiniStack's own answer stands."""
    parameters = parse_qs((body or b"").decode("utf-8", errors="replace"))
    name = iam._p(parameters, "UserName")
    if iam._p(parameters, "Action") == "GetAccessKeyLastUsed":
        name = iam._access_keys.get(iam._p(parameters, "AccessKeyId"), {}).get("UserName")
    return iam._users.get(name, {}).get("Arn")


def _cache_user_arn(body, region, account):
    """The ARN of the user that an ElastiCache request is about: `user:UserId` in the Service Authorization Reference."""
    user = iam._p(parse_qs((body or b"").decode("utf-8", errors="replace")), "UserId")
    return f"arn:aws:elasticache:{region}:{account}:user:{user}" if user else None


def install():
    for name in ("_p", "_users", "_access_keys"):
        hooks.take(iam, name)

    @hooks.wrap(iam_actions, "extract_resource_arn")
    def remember(original, service, method, path, headers, body, query_params, region, account_id):
        _request.set(None)
        arn = original(service, method, path, headers, body, query_params, region, account_id)
        if service == "iam":
            arn = _user_arn(body) or arn
        if service == "elasticache":
            arn = _cache_user_arn(body, region, account_id) or arn
        if service in ("secretsmanager", "ssm"):
            try:
                parameters = json.loads(body or b"{}")
            except ValueError:
                parameters = None
            if isinstance(parameters, dict):
                _request.set((service, parameters, account_id))
                if service == "ssm":
                    arn = next(iter(_parameter_arns(parameters, region, account_id)), arn)
        return arn

    @hooks.wrap(iam_evaluator, "enforce")
    def enforce(original, access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
        known, parameters, account = _request.get() or (None, {}, None)
        iam_action = _BATCHES.get(iam_action, iam_action)
        context = dict(service_context or {})
        if service == "secretsmanager":
            context.update(_secret_keys(parameters if known == service else {}, resource_arn))
        arns = [resource_arn]
        if service == "ssm" and known == service:
            arns = _parameter_arns(parameters, region, account) or arns
        for arn in arns:
            denied = original(access_key_id, iam_action, service, region, resource_arn=arn, service_context=context)
            if denied:
                return denied
        return None
