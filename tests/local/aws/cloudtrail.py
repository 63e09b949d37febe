"""The CloudTrail events of Secrets Manager: one per writing API call, and the service events of rotations.

CloudTrail never contains SecretString, SecretBinary or RotationToken, so neither do these. Calls that IAM refused are
not sent here (they do not reach the service module); everything else that changes a secret is, failures included.
"""

import json
import uuid

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import secretsmanager

import clock
import events
import hooks

_SENSITIVE = frozenset({"SecretString", "SecretBinary", "RotationToken"})
_WRITING = frozenset({
    "CreateSecret", "PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage", "RotateSecret", "CancelRotateSecret",
    "DeleteSecret", "RestoreSecret", "TagResource", "UntagResource", "PutResourcePolicy", "DeleteResourcePolicy",
    "ReplicateSecretToRegions",
})
_HOST = "secretsmanager.amazonaws.com"


def _camel(value):
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _camel(item) for key, item in value.items() if key not in _SENSITIVE}
    if isinstance(value, list):
        return [_camel(item) for item in value]
    return value


def _record(kind, name, identity, **more):
    at = clock.as_datetime(clock.now()).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "eventVersion": "1.09", "userIdentity": identity, "eventTime": at, "eventSource": _HOST, "eventName": name,
        "awsRegion": get_region(), "sourceIPAddress": "127.0.0.1", "userAgent": "local", "requestParameters": None,
        "responseElements": None, "requestID": str(uuid.uuid4()), "eventID": str(uuid.uuid4()), "readOnly": False,
        "eventType": kind, "managementEvent": True, "recipientAccountId": get_account_id(),
        "eventCategory": "Management", **more,
    }


def service_event(name, arn, token, message=None):
    """RotationStarted, RotationSucceeded, RotationFailed, RotationAbandoned and their TestRotation twins."""
    identity = {"accountId": get_account_id(), "invokedBy": _HOST}
    more = {"additionalEventData": {"SecretId": arn}, "requestID": f"Rotation-{arn}-{token}", "sourceIPAddress": _HOST,
            "userAgent": _HOST}
    if message:
        more["errorMessage"] = message
    events.send("aws.secretsmanager", "AWS Service Event via CloudTrail",
                _record("AwsServiceEvent", name, identity, **more), [])


def _identity(headers, query_params):
    arn = iam_evaluator.request_caller_arn(headers, query_params)
    kind = "Root" if arn.endswith(":root") else "AssumedRole" if ":assumed-role/" in arn else "IAMUser"
    return {"type": kind, "arn": arn, "accountId": get_account_id()}


def _elements(answer):
    elements = {"arn": answer["ARN"]} if answer.get("ARN") else {}
    if "DeletionDate" in answer:
        elements["deletionDate"] = clock.as_datetime(answer["DeletionDate"]).strftime("%b %d, %Y, %I:%M:%S %p")
    return elements or None


def _api_call(action, headers, query_params, body, answer):
    status, _, answered = answer
    result = json.loads(answered or b"{}")
    more = {"requestParameters": _camel(json.loads(body or b"{}"))}
    if status == 200:
        more["responseElements"] = _elements(result)
    else:
        more["errorCode"] = str(result.get("__type", "InternalFailure")).rpartition("#")[2]
        more["errorMessage"] = result.get("message") or result.get("Message") or ""
    events.send("aws.secretsmanager", "AWS API Call via CloudTrail",
                _record("AwsApiCall", action, _identity(headers, query_params), **more), [])


def install():
    hooks.take(iam_evaluator, "request_caller_arn")
    original = hooks.take(secretsmanager, "handle_request")

    async def traced(method, path, headers, body, query_params):
        answer = await original(method, path, headers, body, query_params)
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action in _WRITING:
            _api_call(action, headers, query_params, body, answer)
        return answer

    hooks.replace(secretsmanager, "handle_request", traced)
