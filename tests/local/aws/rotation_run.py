"""One rotation in the background: the four steps, their retries, and how it can end.

Any failing step means the whole process again from createSecret, with the same ClientRequestToken. AWS does not say
how often and after how long; `REKEY_LOCAL_AWS_ROTATION_RETRIES` (2) and `REKEY_LOCAL_AWS_ROTATION_RETRY_SECONDS` (1,
not touched below 0.05 by the time factor) stand in for that, so nothing may depend on the numbers. After the last try
AWSPENDING stays where it is. A rotation also ends, without an event, when the secret or the version is gone or
CancelRotateSecret was called, and as RotationAbandoned when somebody writes a new version meanwhile.
"""

import logging
import os
import time
import uuid

from ministack.core import concurrency
from ministack.services import lambda_svc, secretsmanager

import clock
import cloudtrail
import labels
import schedule

_STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_RETRIES = int(os.environ.get("REKEY_LOCAL_AWS_ROTATION_RETRIES", "2"))
_RETRY_SECONDS = float(os.environ.get("REKEY_LOCAL_AWS_ROTATION_RETRY_SECONDS", "1"))
_log = logging.getLogger("rekey.rotation")


class _Run:
    """One process of rotating (or testing) one secret; known as long as it may go on."""

    def __init__(self, secret, token, is_test):
        self.secret = secret
        self.token = token
        self.is_test = is_test

    @property
    def steps(self):
        return ("testSecret",) if self.is_test else _STEPS

    def event(self, ending, message=None):
        name = ("TestRotation" if self.is_test else "Rotation") + ending
        cloudtrail.service_event(name, self.secret["ARN"], self.token, message)


# By the ARN; a reset or a deletion leaves entries whose record is not stored any more, which `_goes_on` notices.
_running = {}


def is_running(secret):
    run = _running.get(secret["ARN"])
    return run is not None and run.secret is secret


def forget(secret):
    """Ends the run before its next step, without an event."""
    return _running.pop(secret["ARN"], None)


def abandon(secret, version_id):
    """Somebody writes the new version `version_id` while a rotation of another one runs."""
    run = _running.get(secret["ARN"])
    if run is None or run.secret is not secret or run.token == version_id:
        return
    forget(secret)
    if run.is_test:
        secret["Versions"].pop(run.token, None)
    else:
        secretsmanager._remove_stage(secret, run.token, "AWSPENDING")
    run.event("Abandoned")


def count_manual_update(secret, version_id):
    """With AutomaticallyAfterDays, a value written by hand is a valid rotation: the days begin again."""
    run = _running.get(secret["ARN"])
    if secret.get("RotationEnabled") and (secret.get("RotationRules") or {}).get("AutomaticallyAfterDays"):
        if run is None or run.token != version_id:
            schedule.plan_next(secret)


def launch(secret, token, is_test=False):
    """Starts the background work. The caller holds the lock."""
    run = _Run(secret, token, is_test)
    _running[secret["ARN"]] = run
    concurrency.spawn_background(_work, run, thread_name="rekey-rotation")


def _goes_on(run):
    secret = run.secret
    return (_running.get(secret["ARN"]) is run and not secret.get("DeletedDate")
            and secretsmanager._secrets.get(secret["Name"]) is secret and run.token in secret["Versions"])


def _work(run):
    run.event("Started")
    retries = 0 if run.is_test else _RETRIES
    for attempt in range(retries + 1):
        if attempt:
            time.sleep(max(0.05, clock.shorter(_RETRY_SECONDS)))
        failed = _try_once(run)
        if failed is None:
            return _end(run, "Succeeded")
        if failed is _STOPPED:
            return None
        if attempt < retries:
            run.event("Failed", failed)
    return _end(run, "Failed", failed)


_STOPPED = object()


def _try_once(run):
    """None when every step succeeded, `_STOPPED`, or CloudTrail's message about the step that failed."""
    for step in run.steps:
        with labels.LOCK:
            if not _goes_on(run):
                return _STOPPED
            lambda_arn = run.secret["RotationLambdaARN"]
        if not _invoke(lambda_arn, {
            "Step": step, "SecretId": run.secret["ARN"], "ClientRequestToken": run.token,
            "RotationToken": str(uuid.uuid4()),
        }):
            return f"Error when executing lambda {lambda_arn} during {step} step"
    return None


def _invoke(lambda_arn, payload):
    """Whether the step succeeded. What the function returns is of no interest, only whether it failed."""
    try:
        function, config, _name = lambda_svc._get_func_record_for_ref(lambda_arn)
        if function is None:
            return False
        record = lambda_svc._execution_record_for_config(function, config)
        return not lambda_svc._execute_function_with_config_scope(record, payload).get("error")
    except Exception:
        # Without the payload: it holds the RotationToken.
        _log.exception("step %s could not be invoked", payload["Step"])
        return False


def _end(run, ending, message=None):
    with labels.LOCK:
        if not _goes_on(run):
            return
        forget(run.secret)
        if run.is_test:
            run.secret["Versions"].pop(run.token, None)
        elif ending == "Succeeded":
            run.secret["LastRotatedDate"] = clock.now()
            schedule.plan_next(run.secret)
        labels.changed(run.secret)
        run.event(ending, message)
