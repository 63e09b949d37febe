"""RotateSecret and CancelRotateSecret: what is checked, stored and answered before anything runs.

MiniStack's RotateSecret copies the value and promotes it at once, without a Lambda. Here the call checks the function
and its resource policy, stores the rules, creates the AWSPENDING version without a value and answers; rotation_run.py
does the rest in the background. Of the record, `LastRotatedDate`, `NextRotationDate` are kept under AWS's names.
"""

import json

from ministack.core import concurrency, iam_evaluator
from ministack.core.responses import get_account_id, get_region, json_response, new_uuid
from ministack.services import lambda_svc, secretsmanager

import hooks
import labels
import rotation_run
import schedule
import versions

_SERVICE = "secretsmanager.amazonaws.com"


def _function_problem(lambda_arn, secret):
    """The answer when Secrets Manager may not invoke this function for this secret, else None."""
    function, _config, _name = lambda_svc._get_func_record_for_ref(lambda_arn)
    if function is None:
        return labels.problem("ResourceNotFoundException", f"Lambda function not found: {lambda_arn}")
    context = iam_evaluator.EvalContext(
        principal_arn="*", principal_type="Service", principal_account="", action="lambda:InvokeFunction",
        resource_arn=lambda_arn, region=get_region(),
        service_context={"aws:sourceaccount": get_account_id(), "aws:sourcearn": secret["ARN"]},
    )
    decision = iam_evaluator.evaluate_resource_policy(function.get("policy"), context, service=_SERVICE).decision
    if decision == "Allow":
        return None
    return labels.problem(
        "AccessDeniedException",
        "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access "
        f"to the principal {_SERVICE}.")


def _unfinished(secret):
    """The version of a rotation that did not finish: AWSPENDING on another version than AWSCURRENT."""
    pending = labels.holder(secret, "AWSPENDING")
    return pending if pending is not None and pending != labels.holder(secret, "AWSCURRENT") else None


def start(secret, token):
    """Begins a rotation with an empty AWSPENDING version. The caller holds the lock."""
    labels.new_version(secret, token)
    labels.attach(secret, "AWSPENDING", token)
    labels.changed(secret)
    rotation_run.launch(secret, token)


def resume_or_start(secret):
    """What the schedule does: a rotation that did not finish is tried again, otherwise a new one begins."""
    with labels.LOCK:
        if rotation_run.is_running(secret):
            return
        unfinished = _unfinished(secret)
        if unfinished:
            rotation_run.launch(secret, unfinished)
        else:
            start(secret, new_uuid())


def _start_test(secret, token):
    """RotateImmediately=false: testSecret alone, on a temporary AWSPENDING version that holds the current value."""
    current = secret["Versions"].get(labels.holder(secret, "AWSCURRENT"), {})
    labels.new_version(secret, token, current.get("SecretString"), current.get("SecretBinary"))
    labels.attach(secret, "AWSPENDING", token)
    labels.changed(secret)
    rotation_run.launch(secret, token, is_test=True)


def rotate_secret(_original, data):
    token = data.get("ClientRequestToken") or new_uuid()
    refused = labels.token_problem(token)
    if refused:
        return refused
    with labels.LOCK:
        secret, refused = labels.find(data.get("SecretId"))
        if refused:
            return refused
        lambda_arn = data.get("RotationLambdaARN") or secret.get("RotationLambdaARN")
        rules = data.get("RotationRules") or secret.get("RotationRules")
        if not lambda_arn:
            return labels.problem(
                "InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")
        refused = schedule.rules_problem(rules) or _function_problem(lambda_arn, secret)
        if refused:
            return refused
        answer = json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token})
        if token in secret["Versions"]:
            return answer
        unfinished = _unfinished(secret)
        if unfinished:
            if not rotation_run.is_running(secret):
                rotation_run.launch(secret, unfinished)
            return labels.problem(
                "InvalidRequestException",
                "A previous rotation isn't complete. That rotation will be reattempted.")
        secret.update(RotationEnabled=True, RotationLambdaARN=lambda_arn, RotationRules=rules)
        schedule.plan_next(secret)
        if data.get("RotateImmediately", True):
            start(secret, token)
        else:
            _start_test(secret, token)
        return answer


def cancel_rotate_secret(data):
    with labels.LOCK:
        secret, refused = labels.find(data.get("SecretId"))
        if refused:
            return refused
        rotation_run.forget(secret)
        secret["RotationEnabled"] = False
        secret.pop("NextRotationDate", None)
        labels.changed(secret)
        body = {"ARN": secret["ARN"], "Name": secret["Name"]}
        pending = _unfinished(secret)
        return json_response({**body, "VersionId": pending} if pending else body)


def _with_rotation(secret, described):
    if not secret.get("RotationLambdaARN"):
        described.pop("RotationEnabled", None)
    elif secret.get("RotationEnabled"):
        for name in ("LastRotatedDate", "NextRotationDate"):
            if secret.get(name) is not None:
                described[name] = secret[name]
    return described


def describe_secret(original, data):
    with labels.LOCK:
        answer = original(data)
        if answer[0] != 200:
            return answer
        _, secret = secretsmanager._resolve(data.get("SecretId"))
        return json_response(_with_rotation(secret, json.loads(answer[2])))


def install():
    hooks.take(concurrency, "spawn_background")
    for name in ("_get_func_record_for_ref", "_execution_record_for_config", "_execute_function_with_config_scope"):
        hooks.take(lambda_svc, name)
    hooks.wrap(secretsmanager, "_rotate_secret")(rotate_secret)
    hooks.wrap(secretsmanager, "_describe_secret")(describe_secret)
    versions.before_new_version.extend((rotation_run.abandon, rotation_run.count_manual_update))
    original = hooks.take(secretsmanager, "handle_request")

    async def with_cancel(method, path, headers, body, query_params):
        if headers.get("x-amz-target", "").endswith(".CancelRotateSecret"):
            return cancel_rotate_secret(json.loads(body or b"{}"))
        return await original(method, path, headers, body, query_params)

    hooks.replace(secretsmanager, "handle_request", with_cancel)
