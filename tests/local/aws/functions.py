"""The Lambda functions of the tests: a rotation function that fails or waits on request, and a custom runtime."""

import functools
import io
import json
import os
import sys
import zipfile

import harness


def zipped(**files):
    """A deployment package; a file `bootstrap` is executable."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name if name == "bootstrap" else f"{name}.py")
            info.external_attr = 0o755 << 16
            archive.writestr(info, text)
    return data.getvalue()


@functools.cache
def role(statements='[{"Effect":"Allow","Action":"*","Resource":"*"}]'):
    name = harness.unique("role")
    iam = harness.client("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [{
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": json.loads(statements)}))
    return made["Role"]["Arn"]


def make_function(code, permitted=("secretsmanager.amazonaws.com",), variables=None, role_arn=None, **permission):
    """ARN of a Python function whose module `code` has a `handler`."""
    name = harness.unique("function")
    service = harness.client("lambda")
    made = service.create_function(
        FunctionName=name, Runtime="python3.11", Role=role_arn or role(), Handler="index.handler", Timeout=20,
        Code={"ZipFile": zipped(index=code)}, Environment={"Variables": variables or {}})
    for number, principal in enumerate(permitted):
        service.add_permission(FunctionName=name, StatementId=f"s{number}", Action="lambda:InvokeFunction",
                                 Principal=principal, **permission)
    return made["FunctionArn"]


ROTATE = '''
import boto3, json, os
aws = boto3.client("secretsmanager")

def handler(event, context):
    step, arn, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    print(json.dumps({"step": step, "arn": arn, "token": token, "keys": sorted(event),
                      "rotationToken": event["RotationToken"]}), flush=True)
    tries = os.path.join(os.environ["TMPDIR"], f"{token}-{step}")
    done = os.path.getsize(tries) if os.path.exists(tries) else 0
    with open(tries, "a") as file:
        file.write("x")
    failing, _, times = os.environ.get("FAIL", "").partition(":")
    if step == failing and done < int(times):
        raise RuntimeError("asked to fail")
    while step == os.environ.get("HOLD") and not os.path.exists(os.path.join(os.environ["TMPDIR"], "go-" + token)):
        pass
    if step == "createSecret":
        try:
            aws.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
        except aws.exceptions.ResourceNotFoundException:
            aws.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString="rotated-" + token,
                                 VersionStages=["AWSPENDING"], RotationToken=event["RotationToken"])
    if step == "testSecret":
        pending = aws.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
        print(json.dumps({"tested": pending["SecretString"]}), flush=True)
    if step == "finishSecret":
        known = aws.describe_secret(SecretId=arn)["VersionIdsToStages"]
        current = next(version for version in known if "AWSCURRENT" in known[version])
        if current != token:
            aws.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token,
                                            RemoveFromVersionId=current)
'''


@functools.cache
def rotator(fail="", hold=""):
    """ARN of a rotation function. `fail="setSecret:2"` fails that step twice per token; `hold` waits for `release`."""
    return make_function(ROTATE, variables={"FAIL": fail, "HOLD": hold})


def release(token):
    with open(os.path.join(harness.shared().directory, f"go-{token}"), "w", encoding="utf-8"):
        pass


def printed(function_arn, **wanted):
    """What the rotation function printed, as parsed lines that have these members."""
    name = function_arn.rpartition(":")[2]
    found = []
    for entry in harness.shared().lines(harness.shared().lambda_log):
        if entry["function"] == name and entry["line"].startswith("{"):
            line = json.loads(entry["line"])
            if all(line.get(key) == value for key, value in wanted.items()):
                found.append(line)
    return found


def steps(function_arn, token):
    return [line["step"] for line in printed(function_arn, token=token)]


# A custom runtime in a few lines. As real ones do it keeps its connection; unlike them it keeps asking when the Runtime
# API is gone, so that only a signal can end it.
BOOTSTRAP = f'''#!{sys.executable}
import http.client, json, os, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
base = "/2018-06-01/runtime/invocation/"
while True:
    try:
        api.request("GET", base + "next")
        event = api.getresponse()
        request_id, body = event.headers["Lambda-Runtime-Aws-Request-Id"], json.load(event)
        for number in range(body.get("lines", 0)):
            print("line", number, flush=True)
        if body.get("crash"):
            os.write(2, b"half a line")
            os._exit(1)
        answer = json.dumps({{"environment": dict(os.environ), "pid": os.getpid()}}).encode()
        api.request("POST", base + request_id + "/response", body=answer)
        api.getresponse().read()
    except (OSError, http.client.HTTPException, ValueError):
        api.close()
        time.sleep(0.1)
'''


def make_provided_function(launcher, variables=None):
    """Name of a `provided.al2023` function with BOOTSTRAP on a launcher."""
    name, iam = harness.unique("provided"), launcher.client("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument='{"Statement": []}')["Role"]["Arn"]
    launcher.client("lambda").create_function(
        FunctionName=name, Runtime="provided.al2023", Role=made, Handler="bootstrap", Timeout=20,
        Code={"ZipFile": zipped(bootstrap=BOOTSTRAP)}, Environment={"Variables": variables or {}})
    return name


def invoke(launcher, function, payload):
    """(parsed answer, whether the function failed)"""
    answer = launcher.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload))
    return json.loads(answer["Payload"].read()), "FunctionError" in answer
