"""Events of AWS services on the default bus, and the one that Parameter Store sends.

`send` is what Secrets Manager and Parameter Store use inside AWS; a test cannot forge these events, because PutEvents
refuses a source `aws.*`. An event never breaks the call that caused it.
"""

import json
import logging
import time

from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import eventbridge, ssm

import hooks

_log = logging.getLogger("rekey.events")


def send(source, detail_type, detail, resources):
    try:
        eventbridge._dispatch_event({
            "EventId": new_uuid(), "Source": source, "DetailType": detail_type, "Detail": json.dumps(detail),
            "EventBusName": "default", "Time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "Resources": resources, "Account": get_account_id(), "Region": get_region(),
        })
    except Exception:
        _log.exception("event %s was not delivered", detail_type)


def _send_parameter_change(operation, parameter):
    detail = {"operation": operation, "name": parameter["Name"], "type": parameter["Type"]}
    if parameter.get("Description"):
        detail["description"] = parameter["Description"]
    send("aws.ssm", "Parameter Store Change", detail, [parameter["ARN"]])


def _put(original, data):
    _, before = ssm._lookup_parameter(data.get("Name"))
    answer = original(data)
    if answer[0] == 200:
        _, after = ssm._lookup_parameter(data["Name"])
        _send_parameter_change("Update" if before else "Create", after)
    return answer


def _delete(original, data):
    # The record is gone after the call, so what the event says is read before.
    _, before = ssm._lookup_parameter(data.get("Name"))
    answer = original(data)
    if answer[0] == 200:
        _send_parameter_change("Delete", before)
    return answer


def _delete_several(original, data):
    before = {name: ssm._lookup_parameter(name)[1] for name in data.get("Names", [])}
    answer = original(data)
    if answer[0] == 200:
        for name in json.loads(answer[2])["DeletedParameters"]:
            _send_parameter_change("Delete", before[name])
    return answer


def _label(original, data):
    answer = original(data)
    if answer[0] == 200:
        _send_parameter_change("LabelParameterVersion", ssm._lookup_parameter(data["Name"])[1])
    return answer


def install():
    hooks.take(eventbridge, "_dispatch_event")
    hooks.take(ssm, "_lookup_parameter")
    for name, handler in (
        ("_put_parameter", _put),
        ("_delete_parameter", _delete),
        ("_delete_parameters", _delete_several),
        ("_label_parameter_version", _label),
    ):
        hooks.wrap(ssm, name)(handler)
