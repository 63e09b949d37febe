"""EventBridge between regions and accounts: a rule whose target is an event bus elsewhere.

MiniStack delivers only where the rule is. On AWS the event arrives as it was, its own region and account included, if the
role of the target may put events there, and, in another account, if the bus's own policy lets it (EventBridge User Guide,
"Sending and receiving events between AWS accounts", "... between AWS Regions"). With AUTH=true both are evaluated; what
is refused goes to the target's dead-letter queue. An event that came from another bus is not carried to a third one by a
rule of the account that received it ("... between AWS accounts": no chains).

CloudFormation: the Policy of AWS::Events::EventBus, which MiniStack drops.
"""

import json

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge, iam
from ministack.services.cloudformation import provisioners

import delivery
import hooks

_BUS = "event-bus/"
_EVENTS = "events.amazonaws.com"
_EVENT_BUS = "AWS::Events::EventBus"


def _elsewhere(arn):
    """The parsed ARN of a bus in another region or account, else None."""
    try:
        spec = parse_arn(arn)
    except ArnParseError:
        return None
    is_bus = spec.service == "events" and spec.resource.startswith(_BUS)
    return spec if is_bus and (spec.account_id, spec.region) != (get_account_id(), get_region()) else None


def _refusal(spec, target, event, rule):
    """(ERROR_CODE, ERROR_MESSAGE) when the bus cannot have the event, else None."""
    arn, account, name = target["Arn"], get_account_id(), spec.resource.removeprefix(_BUS)
    with request_scope(spec.account_id, spec.region):
        eventbridge._ensure_default_bus()
        exists = name in eventbridge._event_buses
        policy = eventbridge._event_bus_policies.get(name)
    if not exists:
        return "NO_RESOURCE", f"The specified target does not exist: {arn}"
    if not app.AUTH:
        return None
    role_arn = target.get("RoleArn") or ""
    role = iam._roles.get_scoped(account, None, role_arn.rpartition("/")[2])

    def context(principal, action, resource):
        return iam_evaluator.EvalContext(
            principal_arn=principal, principal_type="AssumedRole", principal_account=account, action=action,
            resource_arn=resource, region=spec.region,
            service_context={"events:source": event.get("Source"), "events:detail-type": event.get("DetailType"),
                             "aws:sourceaccount": account, "aws:sourcearn": rule["Arn"]},
        )

    def allows(decision):
        return decision.decision == "Allow"

    trusts = role is not None and allows(iam_evaluator.evaluate_resource_policy(
        role["AssumeRolePolicyDocument"], context("*", "sts:AssumeRole", role_arn), service=_EVENTS))
    if not trusts:
        return "NO_PERMISSIONS", f"{_EVENTS} may not assume {role_arn or 'a role: RoleArn is missing'}"
    asks = context(role_arn, "events:PutEvents", arn)
    if not allows(iam_evaluator.evaluate(asks, iam_evaluator._gather_role_policies(role["RoleName"], account))):
        return "NO_PERMISSIONS", f"{role_arn} is not authorized to perform events:PutEvents on {arn}"
    if spec.account_id != account and not allows(iam_evaluator.evaluate_resource_policy(policy, asks)):
        return "NO_PERMISSIONS", f"the policy of {arn} does not allow {role_arn} to put events"
    return None


def _bus_policy(name, props):
    policy = props.get("Policy")
    if policy is None:
        eventbridge._event_bus_policies.pop(name, None)
    else:
        eventbridge._event_bus_policies[name] = json.loads(policy) if isinstance(policy, str) else policy


def _install_bus():
    handlers = hooks.take(provisioners, "_RESOURCE_HANDLERS")
    bus = handlers[_EVENT_BUS]

    def create(logical_id, props, stack_name):
        name, attributes = bus["create"](logical_id, props, stack_name)
        _bus_policy(name, props)
        return name, attributes

    def update(physical_id, old_props, new_props, stack_name):
        name, attributes = bus["update"](physical_id, old_props, new_props, stack_name)
        _bus_policy(name, new_props)
        return name, attributes

    def delete(physical_id, props):
        _bus_policy(physical_id, {})
        bus["delete"](physical_id, props)

    handlers[_EVENT_BUS] = {**bus, "create": create, "update": update, "delete": delete}


def install():
    for name in ("_dispatch_event", "_ensure_default_bus", "_event_bus_policies"):
        hooks.take(eventbridge, name)
    _install_bus()

    @hooks.wrap(eventbridge, "_invoke_target")
    def invoke(original, target, event, rule, view=None):
        spec = _elsewhere(target.get("Arn", ""))
        if spec is None:
            return original(target, event, rule, view)
        if event.get("_Carried"):
            return None
        refusal = _refusal(spec, target, event, rule)
        if refusal is not None:
            return delivery._dead_letter(target, event, rule, refusal, view)
        with request_scope(spec.account_id, spec.region):
            carried = {**event, "EventBusName": spec.resource.removeprefix(_BUS), "_Carried": True}
            return eventbridge._dispatch_event(carried)
