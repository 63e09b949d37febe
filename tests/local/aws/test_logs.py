"""The request log, the Lambda log, and what a Lambda may see. (The contract of REKEY_LOCAL_AWS_* in launcher.py.)"""

import json
import os
import threading
import time
import types
import unittest

import functions
import harness
import lambda_log
from harness import client


class RequestLog(unittest.TestCase):
    def lines(self, **wanted):
        launcher = harness.shared()
        return [line for line in launcher.lines(launcher.request_log)
                if all(line[key] == value for key, value in wanted.items())]

    def test_a_line_per_request_says_who_did_what_on_which_resource(self):
        """The contract: service, action, principal (access key id), resource, status, ms; `at` is Unix milliseconds."""
        name, parameter = harness.unique("secret"), harness.unique("parameter")
        before = time.time() * 1000
        client("secretsmanager").create_secret(Name=name, SecretString="x")
        with self.assertRaises(client("ssm").exceptions.ParameterNotFound):
            client("ssm").get_parameter(Name=parameter)
        client("ssm").get_parameters(Names=[parameter, "other"])
        url, _ = harness.make_queue()
        client("sqs").receive_message(QueueUrl=url)
        client("iam").list_users()
        for service, action, resource, status in (
                ("secretsmanager", "CreateSecret", name, 200), ("ssm", "GetParameter", parameter, 400),
                ("ssm", "GetParameters", f"{parameter},other", 200), ("sqs", "ReceiveMessage", url, 200)):
            [line] = self.lines(service=service, action=action, resource=resource)
            self.assertEqual((line["principal"], line["status"]), ("test", status))
            self.assertEqual(set(line), {"at", "service", "action", "principal", "resource", "status", "ms"})
            self.assertGreaterEqual(line["at"], before - 1)
            self.assertLess(line["at"], time.time() * 1000 + 1)
            self.assertGreater(line["ms"], 0)
        self.assertTrue(self.lines(service="iam", action="ListUsers"))

    def test_no_value_is_ever_written(self):
        """The contract: never values, whatever the action and wherever in the request they are."""
        value, name = harness.unique("value"), harness.unique("name")
        secrets, ssm = client("secretsmanager"), client("ssm")
        secrets.create_secret(Name=name, SecretString=value)
        secrets.put_secret_value(SecretId=name, SecretBinary=value.encode())
        secrets.update_secret(SecretId=name, SecretString=json.dumps({"password": value}))
        secrets.get_secret_value(SecretId=name)
        ssm.put_parameter(Name=name, Value=value, Type="SecureString")
        url, _ = harness.make_queue()
        client("sqs").send_message(QueueUrl=url, MessageBody=value)
        self.assertEqual(len(self.lines(resource=name)), 5)
        with open(harness.shared().request_log, encoding="utf-8") as log:
            self.assertNotIn(value, log.read())

    def test_a_refused_request_is_counted_too(self):
        """As above: what IAM refuses is an AWS API request."""
        with self.assertRaises(client("iam").exceptions.ClientError):
            harness.shared().client("secretsmanager", "AKIANOBODYKNOWSTHIS1", "x").list_secrets()
        self.assertEqual([line["status"] for line in self.lines(principal="AKIANOBODYKNOWSTHIS1")], [400])


class Lambdas(unittest.TestCase):
    def printed(self, function):
        launcher = harness.shared()
        return [line["line"] for line in launcher.lines(launcher.lambda_log) if line["function"] == function]

    def test_every_line_is_in_the_log_when_the_invocation_has_ended(self):
        """The contract; that stdout and stderr are the log: Lambda Developer Guide, "Using CloudWatch logs"."""
        launcher = harness.shared()
        function = functions.make_provided_function(launcher)
        for count in (1, 0, 500, 3):
            before = len(self.printed(function))
            functions.invoke(launcher, function, {"lines": count})
            self.assertEqual(self.printed(function)[before:], [f"line {number}" for number in range(count)])

    def test_the_end_of_an_invocation_waits_for_output_that_is_still_in_the_pipe(self):
        """As above, with a reader that comes late, as it does on a busy machine."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        lines = []
        pump = lambda_log._Pump(reading, lines.append)
        os.write(writing, b"late\n")
        os.close(writing)
        late = threading.Timer(0.05, pump.run)
        self.addCleanup(late.join)
        late.start()
        lambda_log._drain(types.SimpleNamespace(rekey_pump=pump, _drain_stderr=lambda: None))
        self.assertEqual(lines, ["late"])

    def test_a_quiet_warm_invocation_costs_no_waiting(self):
        """MiniStack's 50 ms for a line that may come, and 40 ms for an acknowledgement, would be most of a rotation's
        time. They would be in every call; a busy machine makes only some calls slow, so one quick call is proof."""
        function = functions.make_provided_function(harness.shared())
        service = client("lambda")

        def seconds():
            began = time.monotonic()
            service.invoke(FunctionName=function, Payload="{}")
            return time.monotonic() - began

        self.assertTrue(any(seconds() < 0.03 for _ in range(100)), "none of 100 calls took less than 30 ms")

    def test_a_crash_keeps_what_was_printed_before_even_half_a_line(self):
        """As above; a function that ends without an answer still printed its lines."""
        function = functions.make_provided_function(harness.shared())
        _, failed = functions.invoke(harness.shared(), function, {"lines": 1, "crash": True})
        self.assertTrue(failed)
        self.assertEqual(self.printed(function), ["line 0", "half a line"])

    def test_python_functions_are_logged_too(self):
        """As above, for the test functions in Python; this one fails, and printed its lines before."""
        function = functions.make_function(
            "import sys\ndef handler(event, context):\n    print('out')\n    print('err', file=sys.stderr)\n"
            "    raise ValueError('x')\n").rpartition(":")[2]
        _, failed = functions.invoke(harness.shared(), function, {})
        self.assertTrue(failed)
        self.assertEqual(self.printed(function)[:2], ["out", "err"])

    def test_a_function_sees_its_own_variables_and_awss_and_not_the_launchers(self):
        """Lambda Developer Guide, "Defined runtime environment variables"; credentials are the role's session."""
        variables = {"MINE": "1", "LOG_LEVEL": "WARNING"}
        name = functions.make_provided_function(harness.shared(), variables)
        answer, _ = functions.invoke(harness.shared(), name, {})
        seen = answer["environment"]
        for key in ("AWS_LAMBDA_FUNCTION_NAME", "AWS_REGION", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL",
                    "LAMBDA_TASK_ROOT", "_HANDLER"):
            self.assertIn(key, seen)
        # LOG_LEVEL is the launcher's as well, with the same value; the function's own must stay.
        self.assertEqual({key: seen.get(key) for key in variables}, variables)
        self.assertTrue(seen["AWS_ACCESS_KEY_ID"].startswith("ASIA"))
        self.assertNotEqual(seen["HOME"], harness.shared().directory)
        launchers = {"NOT_FOR_LAMBDAS", "GATEWAY_PORT", "AUTH", "STATE_DIR", "REKEY_LOCAL_AWS_REQUEST_LOG"}
        self.assertEqual(launchers & set(seen), set())

    def test_python_functions_do_not_see_the_launchers_variables_either(self):
        """As above."""
        function = functions.make_function("import os\ndef handler(event, context):\n    return sorted(os.environ)\n")
        seen, _ = functions.invoke(harness.shared(), function, {})
        self.assertIn("AWS_ENDPOINT_URL", seen)
        self.assertEqual({"NOT_FOR_LAMBDAS", "GATEWAY_PORT", "REKEY_LOCAL_AWS_LAMBDA_LOG"} & set(seen), set())
        self.assertTrue(os.path.exists(harness.shared().lambda_log))


if __name__ == "__main__":
    unittest.main()
