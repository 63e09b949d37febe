"""Schedules: when a secret rotates next, and the time factor for those and for EventBridge's rules.

AWS rotates inside a window that ends at NextRotationDate; here a rotation starts at NextRotationDate itself, looked at
by a thread. Rules with rate() and cron() are MiniStack's own, on the fast clock of clock.py.
"""

import logging
import re
import threading
import time

from ministack.core.responses import request_scope
from ministack.services import eventbridge, secretsmanager

import clock
import hooks
import labels

_log = logging.getLogger("rekey.schedule")
_DAY = 86400
_SHORTEST_RATE = 4 * 3600
_RATE = re.compile(r"rate\((\d+) (hour|hours|day|days)\)")


def _rate_seconds(expression):
    found = _RATE.fullmatch(expression)
    if not found:
        return None
    return int(found.group(1)) * (3600 if found.group(2).startswith("hour") else _DAY)


def _cron_fields(expression):
    fields = expression.removeprefix("cron(").removesuffix(")").split()
    if not expression.startswith("cron(") or len(fields) != 6 or fields[0] != "0" or fields[5] != "*":
        return None
    return eventbridge._parse_cron_fields(expression)


def rules_problem(rules):
    """The answer to RotationRules that AWS refuses, else None."""
    days, expression = (rules or {}).get("AutomaticallyAfterDays"), (rules or {}).get("ScheduleExpression")
    duration = (rules or {}).get("Duration")
    message = None
    if days is not None and expression is not None:
        message = "You can't specify both AutomaticallyAfterDays and ScheduleExpression."
    elif days is not None and not 1 <= int(days) <= 1000:
        message = "AutomaticallyAfterDays must be between 1 and 1000."
    elif expression is not None and _cron_fields(expression) is None:
        rate = _rate_seconds(expression)
        if rate is None or rate < _SHORTEST_RATE:
            message = f"Invalid ScheduleExpression: {expression}"
    if message is None and duration is not None and not re.fullmatch(r"[0-9]{1,2}h", duration):
        message = f"Invalid Duration: {duration}"
    return labels.problem("InvalidParameterException", message) if message else None


def plan_next(secret):
    """Sets NextRotationDate from the rules, counted from now; without rules there is none."""
    rules = secret.get("RotationRules") or {}
    expression = rules.get("ScheduleExpression")
    now = clock.now()
    if rules.get("AutomaticallyAfterDays"):
        due = now + clock.shorter(int(rules["AutomaticallyAfterDays"]) * _DAY)
    elif expression and _rate_seconds(expression):
        due = now + clock.shorter(_rate_seconds(expression))
    elif expression:
        due = eventbridge._cron_next_fire(_cron_fields(expression), clock.as_datetime(now)).timestamp()
    else:
        secret.pop("NextRotationDate", None)
        return
    secret["NextRotationDate"] = round(due, 3)


def _rotate_what_is_due(rotate):
    now = time.time()
    for (account, region, _name), secret in secretsmanager._secrets.all_items():
        due = secret.get("NextRotationDate")
        if due is None or due > now or not secret.get("RotationEnabled") or secret.get("DeletedDate"):
            continue
        with request_scope(account, region):
            plan_next(secret)
            rotate(secret)


def install(rotate):
    """`rotate` begins (or retries) the rotation of a secret; it runs on the schedule's thread."""
    hooks.take(eventbridge, "_parse_cron_fields")
    hooks.take(secretsmanager._secrets, "all_items")

    @hooks.wrap(eventbridge, "_parse_rate_seconds")
    def faster_rate(original, expression):
        seconds = original(expression)
        return None if seconds is None else clock.shorter(seconds)

    @hooks.wrap(eventbridge, "_cron_next_fire")
    def faster_cron(original, fields, after):
        due = original(fields, clock.as_datetime(clock.fast(after.timestamp())))
        return None if due is None else clock.as_datetime(clock.real(due.timestamp()))

    # MiniStack looks every 10 s, which would hide anything faster.
    hooks.replace(eventbridge, "_SCHEDULER_TICK_INTERVAL", clock.tick(1))

    def watch():
        while True:
            time.sleep(clock.tick(1))
            try:
                _rotate_what_is_due(rotate)
            except Exception:
                _log.exception("scheduled rotations")

    threading.Thread(target=watch, daemon=True, name="rekey-rotation-schedule").start()
