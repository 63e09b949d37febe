"""CreateSecret, PutSecretValue, UpdateSecret, UpdateSecretVersionStage, GetSecretValue and ListSecretVersionIds.

What AWS does and MiniStack does not: ClientRequestToken becomes the VersionId and makes a write idempotent; a version
cannot be overwritten; a version without a value (a rotation's AWSPENDING) cannot be read or listed; a secret created
without a value has no version; a new version written during somebody's rotation abandons that rotation.
"""

import json

from ministack.core.responses import json_response, new_uuid
from ministack.services import secretsmanager

import clock
import hooks
import labels

# Set by rotation.py: called with (secret, new version id) before that version is labelled.
before_new_version = []


def _value(data):
    """((string, binary), None), or (None, answer) when there is not exactly one value."""
    string, binary = data.get("SecretString"), data.get("SecretBinary")
    if (string is None) == (binary is None):
        return None, labels.problem(
            "InvalidRequestException", "You must provide either SecretString or SecretBinary, but not both.")
    return (string, binary), None


def _is_same(version, value):
    return (version.get("SecretString"), version.get("SecretBinary")) == value


def _write(secret, token, value, stages):
    """Creates or fills the version `token`. Returns an answer when that is refused, else None."""
    version = secret["Versions"].get(token)
    if version is not None and labels.has_value(version):
        if _is_same(version, value):
            return None
        return labels.problem(
            "ResourceExistsException",
            "You can't modify an existing version, you can only create new versions. "
            f"A version with the id {token} already exists with another value.")
    if version is None:
        for hook in before_new_version:
            hook(secret, token)
        is_first = not any(labels.has_value(known) for known in secret["Versions"].values())
        labels.new_version(secret, token)
        if is_first and "AWSCURRENT" not in stages:
            stages = ["AWSCURRENT", *stages]
        version = secret["Versions"][token]
    version["SecretString"], version["SecretBinary"] = value
    for stage in stages:
        labels.attach(secret, stage, token)
    labels.changed(secret)
    return None


def put_secret_value(_original, data):
    token = data.get("ClientRequestToken") or new_uuid()
    value, refused = _value(data)
    refused = refused or labels.token_problem(token)
    if refused:
        return refused
    with labels.LOCK:
        secret, refused = labels.find(data.get("SecretId"))
        refused = refused or _write(secret, token, value, data.get("VersionStages") or ["AWSCURRENT"])
        if refused:
            return refused
        return json_response({
            "ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token,
            "VersionStages": list(secret["Versions"][token]["Stages"]),
        })


def update_secret(original, data):
    if data.get("SecretString") is None and data.get("SecretBinary") is None:
        with labels.LOCK:
            return original(data)
    token = data.get("ClientRequestToken") or new_uuid()
    value, refused = _value(data)
    refused = refused or labels.token_problem(token)
    if refused:
        return refused
    with labels.LOCK:
        secret, refused = labels.find(data.get("SecretId"))
        refused = refused or _write(secret, token, value, ["AWSCURRENT"])
        if refused:
            return refused
        described = {name: data[name] for name in ("SecretId", "Description", "KmsKeyId") if name in data}
        answer = original(described)
        if answer[0] != 200:
            return answer
        return json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token})


def create_secret(original, data):
    token = data.get("ClientRequestToken")
    refused = labels.token_problem(token)
    if refused:
        return refused
    value = (data.get("SecretString"), data.get("SecretBinary"))
    with labels.LOCK:
        known = secretsmanager._secrets.get(data.get("Name"))
        version = known["Versions"].get(token) if known and token else None
        if version is not None and _is_same(version, value):
            return json_response({"ARN": known["ARN"], "Name": known["Name"], "VersionId": token})
        if known and known.get("DeletedDate"):
            return labels.problem(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for deletion.")
        answer = original(data)
        if answer[0] != 200:
            return answer
        secret = secretsmanager._secrets[data["Name"]]
        version_id = settle_new_secret(secret, token)
        body = {"ARN": secret["ARN"], "Name": secret["Name"]}
        return json_response({**body, "VersionId": version_id} if version_id else body)


def settle_new_secret(secret, token=None):
    """Gives a record fresh from MiniStack its token and exact dates; one without a value loses its version."""
    secret["CreatedDate"] = secret["LastChangedDate"] = clock.now()
    [(version_id, version)] = secret["Versions"].items()
    if not labels.has_value(version):
        secret["Versions"] = {}
        return None
    version["CreatedDate"] = secret["CreatedDate"]
    secret["Versions"] = {token or version_id: version}
    return token or version_id


def update_secret_version_stage(original, data):
    with labels.LOCK:
        secret, refused = labels.find(data.get("SecretId"))
        if refused:
            return refused
        stage, to = data.get("VersionStage"), data.get("MoveToVersionId")
        if stage == "AWSCURRENT" and not to and data.get("RemoveFromVersionId"):
            return labels.problem(
                "InvalidParameterException",
                "You can only move staging label AWSCURRENT to a different secret version. "
                "It can't be completely removed.")
        if stage and to and labels.holder(secret, stage) == to:
            # Nothing moves, so there is no event either.
            return json_response({"ARN": secret["ARN"], "Name": secret["Name"]})
        return original(data)


def get_secret_value(original, data):
    with labels.LOCK:
        answer = original(data)
        if answer[0] != 200:
            return answer
        _, secret = secretsmanager._resolve(data.get("SecretId"))
        found = json.loads(answer[2])
        by_id, stage = data.get("VersionId"), data.get("VersionStage")
        if not labels.has_value(secret["Versions"][found["VersionId"]]):
            which = f"VersionId: {by_id}" if by_id else f"staging label: {stage or 'AWSCURRENT'}"
            return labels.problem(
                "ResourceNotFoundException",
                f"Secrets Manager can't find the specified secret value for {which}")
        if by_id and stage and stage not in found["VersionStages"]:
            return labels.problem(
                "InvalidRequestException",
                "You provided a VersionStage that is not associated to the provided VersionId.")
        return answer


def list_secret_version_ids(original, data):
    with labels.LOCK:
        answer = original(data)
        if answer[0] != 200:
            return answer
        _, secret = secretsmanager._resolve(data.get("SecretId"))
        listed = json.loads(answer[2])
        listed["Versions"] = [
            entry for entry in listed["Versions"]
            if labels.has_value(secret["Versions"][entry["VersionId"]])
            and (entry["VersionStages"] or data.get("IncludeDeprecated"))
        ]
        return json_response(listed)


def install():
    for name, handler in (
        ("_put_secret_value", put_secret_value),
        ("_update_secret", update_secret),
        ("_create_secret", create_secret),
        ("_update_secret_version_stage", update_secret_version_stage),
        ("_get_secret_value", get_secret_value),
        ("_list_secret_version_ids", list_secret_version_ids),
    ):
        hooks.wrap(secretsmanager, name)(handler)
