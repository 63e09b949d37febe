"""What EventBridge may deliver to a rule's target, and what becomes of the rest.

MiniStack delivers whatever the target's policy says, so a template without AWS::SQS::QueuePolicy or
AWS::Lambda::Permission would work here and fail on AWS. With AUTH=true the policy of the queue or function is
evaluated for `events.amazonaws.com` with the rule's ARN as aws:SourceArn. What is refused, or has no target any more,
goes to the target's dead-letter queue with EventBridge's attributes, under the same check, or nowhere.
"""

import json
import logging

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc, sqs

import hooks

_log = logging.getLogger("rekey.delivery")
_EVENTS = "events.amazonaws.com"


def _function_allows(arn, rule_arn):
    function, _config, _name = lambda_svc._get_func_record_for_ref(arn)
    context = iam_evaluator.EvalContext(
        principal_arn="*", principal_type="Service", principal_account="", action="lambda:InvokeFunction",
        resource_arn=arn, region=get_region(),
        service_context={"aws:sourcearn": rule_arn, "aws:sourceaccount": get_account_id()},
    )
    policy = function.get("policy")
    return iam_evaluator.evaluate_resource_policy(policy, context, service=_EVENTS).decision == "Allow"


def _refusal(arn, rule_arn):
    """(ERROR_CODE, ERROR_MESSAGE) when the target cannot have the event, else None."""
    try:
        spec = parse_arn(arn)
    except ArnParseError:
        return None
    if not eventbridge._target_matches_request_scope(spec):
        return None
    if spec.service == "sqs":
        exists = sqs._queue_by_arn(arn) is not None
        allows = exists and sqs.queue_policy_allows(arn, _EVENTS, rule_arn, get_account_id())
    elif spec.service == "lambda":
        exists = lambda_svc._get_func_record_for_ref(arn)[0] is not None
        allows = exists and (not app.AUTH or _function_allows(arn, rule_arn))
    else:
        return None
    if not exists:
        return "NO_RESOURCE", f"The specified target does not exist: {arn}"
    if not allows:
        return "NO_PERMISSIONS", f"{_EVENTS} is not authorized to access {arn}"
    return None


def _dead_letter(target, event, rule, refusal, view):
    queue_arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    queue = sqs._queue_by_arn(queue_arn) if queue_arn else None
    if queue is None or not sqs.queue_policy_allows(queue_arn, _EVENTS, rule["Arn"], get_account_id()):
        _log.warning("dropped an event for %s: %s", target.get("Arn"), refusal[1])
        return
    view = view or eventbridge._pattern_event_view(event)
    attributes = {
        "RULE_ARN": rule["Arn"], "TARGET_ARN": target["Arn"], "ERROR_CODE": refusal[0], "ERROR_MESSAGE": refusal[1],
        "RETRY_ATTEMPTS": "0",
    }
    before = {id(message) for message in queue["messages"]}
    eventbridge._dispatch_to_sqs(parse_arn(queue_arn), json.dumps(view.event_with_detail()))
    for message in queue["messages"]:
        if id(message) not in before:
            message["message_attributes"] = {
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            }


def install():
    for module, name in (
        (eventbridge, "_target_matches_request_scope"), (eventbridge, "_dispatch_to_sqs"),
        (eventbridge, "_pattern_event_view"), (sqs, "_queue_by_arn"), (sqs, "queue_policy_allows"), (app, "AUTH"),
    ):
        hooks.take(module, name)

    @hooks.wrap(eventbridge, "_invoke_target")
    def invoke(original, target, event, rule, view=None):
        refusal = _refusal(target.get("Arn", ""), rule["Arn"])
        if refusal is None:
            return original(target, event, rule, view)
        return _dead_letter(target, event, rule, refusal, view)
