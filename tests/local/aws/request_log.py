"""The request log: one JSON line per AWS API request, so that tests can count what an agent costs.

`REKEY_LOCAL_AWS_REQUEST_LOG` names the file. A line holds who called what on which resource and how it ended; it never
holds a value, because only the identifying members below are read from a request. `at` is when the request arrived,
`ms` how long it took (a long poll takes its whole wait); the line is written when the response is ready.
"""

import json
import os
import re
import time
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_actions

import hooks

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/[^/]*/([a-z0-9.-]+)/aws4_request")
# In this order: the first one that a request has is its resource. None of them can carry a secret's value.
_IDENTIFIERS = (
    "SecretId", "SecretIdList", "Name", "Names", "Path", "QueueUrl", "QueueName", "FunctionName", "Rule", "StackName",
    "ChangeSetName", "UserName", "RoleName", "RoleArn", "PolicyArn", "PolicyName", "TopicArn", "logGroupName",
)
# Nobody signs these: they are how credentials are come by.
_UNSIGNED = ("AssumeRoleWithWebIdentity", "AssumeRoleWithSAML")


def _first(values, name):
    value = values.get(name)
    if isinstance(value, list):
        return ",".join(str(item) for item in value) or None
    return value if isinstance(value, str) and value else None


def _resource(parameters):
    for name in _IDENTIFIERS:
        found = _first(parameters, name)
        if found:
            return found
    return None


def describe(method, path, headers, body, query_params):
    """(service, action, principal, resource) of a request."""
    credential = _CREDENTIAL.search(headers.get("authorization", ""))
    principal, service = credential.groups() if credential else (None, None)
    target = headers.get("x-amz-target", "")
    if target:
        try:
            parameters = json.loads(body or b"{}")
        except ValueError:
            parameters = {}
        action = target.rpartition(".")[2]
    else:
        parameters = dict(query_params)
        if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            parameters.update(parse_qs(body.decode("utf-8", errors="replace")))
        action = _first(parameters, "Action")
        if action is None and service:
            name = iam_actions.extract_iam_action(service, method, path, headers, body, query_params)
            action = name.partition(":")[2] if name else None
            parameters = {"Path": path}
    if service is None and action in _UNSIGNED:
        service = "sts"
    return service, action, principal, _resource(parameters if isinstance(parameters, dict) else {})


def install():
    hooks.take(iam_actions, "extract_iam_action")
    name = os.environ.get("REKEY_LOCAL_AWS_REQUEST_LOG")
    dispatch = hooks.take(app, "_dispatch_service_request")
    if not name:
        return
    out = open(name, "a", buffering=1, encoding="utf-8")

    async def logged(method, path, headers, body, query_params, request_id):
        arrived, began = time.time(), time.perf_counter()
        response = await dispatch(method, path, headers, body, query_params, request_id)
        service, action, principal, resource = describe(method, path, headers, body, query_params)
        out.write(json.dumps({
            "at": round(arrived * 1000, 3), "service": service, "action": action, "principal": principal,
            "resource": resource, "status": response[0], "ms": round((time.perf_counter() - began) * 1000, 3),
        }) + "\n")
        return response

    hooks.replace(app, "_dispatch_service_request", logged)
