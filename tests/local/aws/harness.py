"""What the tests of the launcher share: one launcher per test run, clients, secrets, and event queues.

The launcher is the real one, in a scratch directory, on a free port, with schedules 3600 times faster. Nothing sleeps
for luck: whatever happens in the background is waited for with `until`.
"""

import atexit
import functools
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
                # Ended by the kernel when the test run is killed; the tests start launchers from the main thread only,
                # and the signal is bound to the thread.
                ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, os.path.join(HERE, "launcher.py")],
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

    def __init__(self, pattern, bus="default"):
        rule = unique("rule")
        arn = client("events").put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps(pattern))["RuleArn"]
        self.url, queue_arn = make_queue(policy_for=arn)
        client("events").put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "q", "Arn": queue_arn}])
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
