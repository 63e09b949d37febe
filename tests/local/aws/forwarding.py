"""EventBridge between regions: a rule whose target is the default bus of another region of the account.

MiniStack delivers only where the rule is. On AWS the event arrives there as it was, its own region and account included
(EventBridge User Guide, "Sending and receiving events between AWS Regions").
"""

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge

import hooks

_BUS = "event-bus/"


def _elsewhere(arn):
    """The parsed ARN of a bus in another region of this account, else None."""
    try:
        spec = parse_arn(arn)
    except ArnParseError:
        return None
    is_bus = spec.service == "events" and spec.resource.startswith(_BUS)
    return spec if is_bus and spec.account_id == get_account_id() and spec.region != get_region() else None


def install():
    hooks.take(eventbridge, "_dispatch_event")

    @hooks.wrap(eventbridge, "_invoke_target")
    def invoke(original, target, event, rule, view=None):
        spec = _elsewhere(target.get("Arn", ""))
        if spec is None:
            return original(target, event, rule, view)
        with request_scope(spec.account_id, spec.region):
            return eventbridge._dispatch_event({**event, "EventBusName": spec.resource.removeprefix(_BUS)})
