"""Starts the local AWS: MiniStack with the behaviour of AWS that Rekey depends on and MiniStack lacks.

Usage: `GATEWAY_PORT=<free port> python tests/local/aws/launcher.py`, in the foreground, best with an otherwise empty
environment (`env -i`). Ready when GET /_ministack/health answers; SIGTERM ends it and every Lambda. Each module beside
this file adds one rule and says which; the tests beside them name the source of each rule.

Variables: TMPDIR and STATE_DIR (throw-away directories), AUTH (true), REKEY_LOCAL_AWS_REQUEST_LOG,
REKEY_LOCAL_AWS_LAMBDA_LOG, REKEY_LOCAL_AWS_TIME_FACTOR, and MiniStack's own.
"""

import os
import sys

PINNED = "1.5.33"


def _environment():
    """Settings that MiniStack reads when it is imported; whoever starts us may choose others."""
    port = os.environ.get("GATEWAY_PORT")
    if not port or not port.isdigit():
        raise SystemExit("GATEWAY_PORT must be the port to listen on, on 127.0.0.1")
    for name, value in {
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        # Without it a `provided.*` function would call the real AWS.
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AUTH": "true",
        # No further listener, no Docker.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent.sock",
    }.items():
        os.environ.setdefault(name, value)


def main():
    if len(sys.argv) > 1:
        raise SystemExit("no arguments: MiniStack's --detach would start a server without these rules")
    _environment()
    from hypercorn.config import Config
    from ministack import app

    import hooks

    if app._version() != PINNED:
        raise SystemExit(f"MiniStack {app._version()} is installed, this launcher is written for {PINNED}: "
                         "pip install -r tests/local/aws/requirements.txt")

    import access_keys
    import ages
    import batches
    import cloudformation
    import cloudtrail
    import conditions
    import delivery
    import events
    import forwarding
    import labels
    import listing
    import lambda_log
    import lambda_processes
    import long_poll
    import parameters
    import request_log
    import rotation
    import runtime_api
    import schedule
    import sessions
    import versions

    # `app` finds services by this loader; every module must come from it, or the hooks would be on a second copy.
    for service in ("secretsmanager", "ssm", "sqs", "eventbridge", "lambda_svc", "cloudformation", "iam", "sts"):
        app._get_module(service)
    labels.install()
    versions.install()
    listing.install()
    batches.install()
    rotation.install()
    # After rotation, so that CancelRotateSecret is an API call of CloudTrail's too.
    cloudtrail.install()
    events.install()
    parameters.install()
    delivery.install()
    forwarding.install()
    schedule.install(rotation.resume_or_start)
    conditions.install()
    sessions.install()
    access_keys.install()
    ages.install()
    cloudformation.install()
    long_poll.install()
    request_log.install()
    lambda_log.install()
    runtime_api.install()
    end_lambdas = lambda_processes.install()
    # Seconds that SIGTERM grants to requests under way: a waiting long poll would use them all.
    hooks.replace(Config, "graceful_timeout", 0.2)
    try:
        app.main()
    finally:
        end_lambdas()


if __name__ == "__main__":
    main()
