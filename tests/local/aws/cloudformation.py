"""CloudFormation's Secrets Manager resources: RotationSchedule, and a Secret whose Ref is its ARN; Fn::Join in conditions.

MiniStack takes a condition's Fn::Join for a text that equals nothing. It has no AWS::SecretsManager::RotationSchedule. Its AWS::SecretsManager::Secret gives the name for Ref (on AWS
the ARN), takes over a secret of another stack with the same name, and honours little of GenerateSecretString.
"""

import json

from ministack.services import secretsmanager
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

import hooks
import labels
import rotation
import versions

_SECRET = "AWS::SecretsManager::Secret"
_SCHEDULE = "AWS::SecretsManager::RotationSchedule"


def _boolean(value, default):
    return default if value is None else str(value).lower() == "true"


def _number(value):
    """CloudFormation passes numbers as strings when a parameter supplied them."""
    return int(value) if isinstance(value, str) and value.isdigit() else value


# RotationSchedule ----------------------------------------------------------------------------------------------------

def _apply_schedule(props):
    for unsupported in ("HostedRotationLambda", "ExternalSecretRotationMetadata"):
        if props.get(unsupported):
            raise ValueError(f"{_SCHEDULE}: {unsupported} is not part of the local AWS")
    data = {
        "SecretId": props["SecretId"],
        "RotateImmediately": _boolean(props.get("RotateImmediatelyOnUpdate"), True),
    }
    if props.get("RotationLambdaARN"):
        data["RotationLambdaARN"] = props["RotationLambdaARN"]
    if props.get("RotationRules"):
        data["RotationRules"] = {name: _number(value) for name, value in props["RotationRules"].items()}
    status, _, body = secretsmanager._rotate_secret(data)
    answer = json.loads(body)
    if status != 200:
        raise ValueError(f"{_SCHEDULE}: {answer.get('__type')}: {answer.get('message') or answer.get('Message')}")
    return answer["ARN"], {"Id": answer["ARN"]}


def _create_schedule(_logical_id, props, _stack_name):
    return _apply_schedule(props)


def _update_schedule(_physical_id, _old_props, props, _stack_name):
    return _apply_schedule(props)


def _delete_schedule(physical_id, _props):
    # The secret may be gone already.
    rotation.cancel_rotate_secret({"SecretId": physical_id})


# Secret --------------------------------------------------------------------------------------------------------------

def _name_of(physical_id):
    _, secret = secretsmanager._resolve(physical_id)
    return secret["Name"] if secret else physical_id


def _create_secret(original, logical_id, props, stack_name):
    if props.get("Name") and props["Name"] in secretsmanager._secrets:
        raise ValueError(f"{_SECRET}: the secret {props['Name']} already exists")
    with labels.LOCK:
        name, attributes = original(logical_id, props, stack_name)
        secret = secretsmanager._secrets[name]
        if "SecretString" not in props and not props.get("GenerateSecretString"):
            secret["Versions"] = {version_id: {**version, "SecretString": None}
                                  for version_id, version in secret["Versions"].items()}
        versions.settle_new_secret(secret)
    return attributes["Arn"], attributes


def _update_secret(original, physical_id, old_props, new_props, stack_name, logical_id=None):
    _, attributes = original(_name_of(physical_id), old_props, new_props, stack_name, logical_id)
    return attributes["Arn"], attributes


def _delete_secret(original, physical_id, props):
    original(_name_of(physical_id), props)


def _secret_string(props):
    """SecretString, or what GetRandomPassword makes of GenerateSecretString."""
    generate = props.get("GenerateSecretString")
    if not generate or props.get("SecretString"):
        return props.get("SecretString", "")
    wanted = {}
    for name, value in generate.items():
        if name.startswith(("Exclude", "Include", "Require")) and name != "ExcludeCharacters":
            wanted[name] = _boolean(value, False)
        else:
            wanted[name] = _number(value) if name == "PasswordLength" else value
    status, _, body = secretsmanager._get_random_password(wanted)
    answer = json.loads(body)
    if status != 200:
        raise ValueError(f"{_SECRET}: {answer.get('message')}")
    if not generate.get("SecretStringTemplate"):
        return answer["RandomPassword"]
    filled = json.loads(generate["SecretStringTemplate"])
    filled[generate["GenerateStringKey"]] = answer["RandomPassword"]
    return json.dumps(filled)


# Conditions ----------------------------------------------------------------------------------------------------------

def _joined(expression, parameters):
    """The expression with each Fn::Join as its text. A list parameter is known by its text with commas."""
    if isinstance(expression, list):
        return [_joined(one, parameters) for one in expression]
    if not isinstance(expression, dict):
        return expression
    if "Fn::Join" not in expression:
        return {name: _joined(one, parameters) for name, one in expression.items()}
    delimiter, parts = expression["Fn::Join"]
    if isinstance(parts, dict):
        parts = str(parameters[parts["Ref"]]["Value"]).split(",")
    return delimiter.join(parameters[part["Ref"]]["Value"] if isinstance(part, dict) else part for part in parts)


def _install_conditions():
    for module in (engine, changesets, handlers, stacks):
        @hooks.wrap(module, "_evaluate_conditions")
        def evaluate(original, template, parameters):
            conditions = _joined(template.get("Conditions", {}), parameters)
            return original({**template, "Conditions": conditions}, parameters)


def install():
    _install_conditions()
    hooks.take(secretsmanager, "_get_random_password")
    resources = hooks.take(provisioners, "_RESOURCE_HANDLERS")
    resources[_SCHEDULE] = {"create": _create_schedule, "update": _update_schedule, "delete": _delete_schedule}
    hooks.replace(provisioners, "_sm_secret_string", _secret_string)
    secret = resources[_SECRET]
    originals = {name: secret[name] for name in ("create", "update", "delete")}
    resources[_SECRET] = {
        **secret,
        "create": lambda *given: _create_secret(originals["create"], *given),
        "update": lambda *given, **named: _update_secret(originals["update"], *given, **named),
        "delete": lambda *given: _delete_secret(originals["delete"], *given),
    }
