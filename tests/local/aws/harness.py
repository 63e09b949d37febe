"""What the tests of the launcher share: one launcher per test run, clients, a rotation function, and event queues.

The launcher is the real one, in a scratch directory, on a free port, with schedules 3600 times faster. Nothing sleeps
for luck: whatever happens in the background is waited for with `until`.
"""

import atexit
import functools
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
import zipfile

import boto3
from botocore.config import Config

HERE = os.path.dirname(os.path.abspath(__file__))
REGION = "us-east-1"
ACCOUNT = "000000000000"
PATIENCE = 20.0


def until(question, what, patience=PATIENCE):
    """The first true answer; an AssertionError that says `what` was awaited when there is none."""
    limit = time.monotonic() + patience
    while time.monotonic() < limit:
        answer = question()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"never happened: {what}")


class Launcher:
    """A launcher process; `stop` ends it and removes its directory."""

    def __init__(self, **environment):
        self.directory = tempfile.mkdtemp(prefix="rekey-local-aws-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.request_log = os.path.join(self.directory, "requests.jsonl")
        self.lambda_log = os.path.join(self.directory, "lambda.jsonl")
        self.output = os.path.join(self.directory, "output.log")
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, os.path.join(HERE, "launcher.py")],
                env={
                    "PATH": os.environ["PATH"], "HOME": self.directory, "TMPDIR": self.directory,
                    "STATE_DIR": self.directory, "GATEWAY_PORT": str(self.port), "LOG_LEVEL": "WARNING",
                    "REKEY_LOCAL_AWS_REQUEST_LOG": self.request_log, "REKEY_LOCAL_AWS_LAMBDA_LOG": self.lambda_log,
                    "PYTHONDONTWRITEBYTECODE": "1", "NOT_FOR_LAMBDAS": "launcher's own", **environment,
                },
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )
        until(self._is_ready, "the launcher answers /_ministack/health")

    def _is_ready(self):
        if self.process.poll() is not None:
            with open(self.output, encoding="utf-8") as output:
                raise AssertionError(f"the launcher ended: {output.read()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def client(self, service, key="test", secret="test"):
        return boto3.client(
            service, region_name=REGION, endpoint_url=self.endpoint, aws_access_key_id=key,
            aws_secret_access_key=secret, config=Config(retries={"total_max_attempts": 1}, read_timeout=40),
        )

    def lines(self, name):
        try:
            with open(name, encoding="utf-8") as file:
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            return []

    def children(self):
        """Process ids of the Lambdas: they are the ones that work below this launcher's directory."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    directory = os.readlink(f"/proc/{entry}/cwd")
                    if directory.startswith(self.directory):
                        found.append(int(entry))
                except OSError:
                    continue
        return found

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


@functools.cache
def shared():
    """The launcher of this test run."""
    launcher = Launcher(REKEY_LOCAL_AWS_TIME_FACTOR="3600")
    atexit.register(launcher.stop)
    return launcher


@functools.cache
def client(service):
    return shared().client(service)


def unique(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def make_secret(value="one", name=None):
    """(ARN, version id) of a new secret."""
    made = client("secretsmanager").create_secret(Name=name or unique("secret"), SecretString=value)
    return made["ARN"], made["VersionId"]


def stages(arn):
    """{version id: set of labels}, as DescribeSecret tells it."""
    described = client("secretsmanager").describe_secret(SecretId=arn)
    return {version: set(labels) for version, labels in described.get("VersionIdsToStages", {}).items()}


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
    name = unique("role")
    iam = client("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [{
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": json.loads(statements)}))
    return made["Role"]["Arn"]


def make_function(code, permitted=("secretsmanager.amazonaws.com",), variables=None, role_arn=None, **permission):
    """ARN of a Python function whose module `code` has a `handler`."""
    name = unique("function")
    functions = client("lambda")
    made = functions.create_function(
        FunctionName=name, Runtime="python3.11", Role=role_arn or role(), Handler="index.handler", Timeout=20,
        Code={"ZipFile": zipped(index=code)}, Environment={"Variables": variables or {}})
    for number, principal in enumerate(permitted):
        functions.add_permission(FunctionName=name, StatementId=f"s{number}", Action="lambda:InvokeFunction",
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
    with open(os.path.join(shared().directory, f"go-{token}"), "w", encoding="utf-8"):
        pass


def printed(function_arn, **wanted):
    """What the rotation function printed, as parsed lines that have these members."""
    name = function_arn.rpartition(":")[2]
    found = []
    for entry in shared().lines(shared().lambda_log):
        if entry["function"] == name and entry["line"].startswith("{"):
            line = json.loads(entry["line"])
            if all(line.get(key) == value for key, value in wanted.items()):
                found.append(line)
    return found


def steps(function_arn, token):
    return [line["step"] for line in printed(function_arn, token=token)]


def make_queue(policy_for=None):
    """(URL, ARN) of a queue; `policy_for` is the ARN that events.amazonaws.com may send for."""
    queues = client("sqs")
    url = queues.create_queue(QueueName=unique("queue"))["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    if policy_for:
        allow_events(url, arn, policy_for)
    return url, arn


def allow_events(url, queue_arn, rule_arn):
    client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [{
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": queue_arn, "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}}}]})})


class Listener:
    """A rule with its queue: `next` waits for the first event that fits, `all_now` empties the queue."""

    def __init__(self, pattern):
        rule = unique("rule")
        arn = client("events").put_rule(Name=rule, EventPattern=json.dumps(pattern))["RuleArn"]
        self.url, queue_arn = make_queue(policy_for=arn)
        client("events").put_targets(Rule=rule, Targets=[{"Id": "q", "Arn": queue_arn}])
        self._seen = []

    def _receive(self, wait):
        got = client("sqs").receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
        for message in got.get("Messages", []):
            client("sqs").delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            self._seen.append(json.loads(message["Body"]))

    def next(self, what, fits=lambda event: True):
        def look():
            for number, event in enumerate(self._seen):
                if fits(event):
                    return self._seen.pop(number)
            self._receive(1)
            return None
        return until(look, what)

    def all_now(self):
        before = -1
        while before != len(self._seen):
            before = len(self._seen)
            self._receive(0)
        seen, self._seen = self._seen, []
        return seen
