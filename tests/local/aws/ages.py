"""Sources that have rested: Backdate, which AWS has not, makes a secret or a parameter older.

`secretsmanager.Backdate {SecretId, Seconds}` and `AmazonSSM.Backdate {Name, Seconds}` move all its dates back, so that a test
need not wait for what has to be old.
"""

import json

from ministack.core.responses import json_response
from ministack.services import secretsmanager, ssm

import hooks
import labels


def _older(record, names, seconds):
    for name in names:
        if isinstance(record.get(name), (int, float)):
            record[name] -= seconds


def _secret(parameters):
    with labels.LOCK:
        secret, refused = labels.find(parameters.get("SecretId"))
        if refused:
            return refused
        for record in (secret, *secret["Versions"].values()):
            _older(record, ("CreatedDate", "LastChangedDate"), parameters["Seconds"])
        return json_response({})


def _parameter(parameters):
    _, parameter = ssm._lookup_parameter(parameters.get("Name"))
    _older(parameter, ("LastModifiedDate",), parameters["Seconds"])
    return json_response({})


def install():
    hooks.take(ssm, "_lookup_parameter")
    for module, backdate in ((secretsmanager, _secret), (ssm, _parameter)):
        original = hooks.take(module, "handle_request")

        async def handle(method, path, headers, body, query_params, original=original, backdate=backdate):
            if headers.get("x-amz-target", "").endswith(".Backdate"):
                return backdate(json.loads(body))
            return await original(method, path, headers, body, query_params)

        hooks.replace(module, "handle_request", handle)
