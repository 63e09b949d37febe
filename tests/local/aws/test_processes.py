"""Nothing outlives the launcher, and it does not start with what it cannot vouch for. (The contract in launcher.py.)"""

import os
import signal
import subprocess
import sys
import threading
import unittest

from botocore.exceptions import BotoCoreError, ClientError

import functions
import harness
from harness import until

CODE = "import os\ndef handler(event, context):\n    return os.getpid()\n"


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Endings(unittest.TestCase):
    def start_with_lambdas(self):
        """A launcher with a warm custom runtime and a warm Python function, and the ids of all their processes."""
        launcher = harness.Launcher()
        self.addCleanup(launcher.stop)
        provided, _ = functions.invoke(launcher, functions.make_provided_function(launcher), {})
        role = launcher.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument='{"Statement": []}')
        launcher.client("lambda").create_function(
            FunctionName="python", Runtime="python3.11", Role=role["Role"]["Arn"], Handler="index.handler",
            Code={"ZipFile": functions.zipped(index=CODE)})
        python, _ = functions.invoke(launcher, "python", {})
        again, _ = functions.invoke(launcher, "python", {})
        self.assertEqual(python, again, "a function stays warm, though the thread that invoked it ended")
        lambdas = launcher.children()
        self.assertEqual(set(lambdas), {provided["pid"], python})
        return launcher, lambdas

    def test_sigterm_ends_the_launcher_and_every_lambda(self):
        launcher, lambdas = self.start_with_lambdas()
        launcher.process.send_signal(signal.SIGTERM)
        launcher.process.wait(timeout=10)
        self.assertEqual([pid for pid in lambdas if is_alive(pid)], [])
        self.assertEqual(launcher.children(), [])

    def test_sigterm_does_not_wait_for_a_long_poll(self):
        launcher = harness.Launcher()
        self.addCleanup(launcher.stop)
        queues = launcher.client("sqs")
        url = queues.create_queue(QueueName="q")["QueueUrl"]

        def receive():
            try:
                queues.receive_message(QueueUrl=url, WaitTimeSeconds=20)
            except (BotoCoreError, ClientError):
                pass

        waiting = threading.Thread(target=receive)
        waiting.start()
        until(lambda: launcher.lines(launcher.request_log), "the queue was made")
        launcher.process.send_signal(signal.SIGTERM)
        launcher.process.wait(timeout=2)
        waiting.join(timeout=10)
        self.assertFalse(waiting.is_alive())

    def test_sigkill_leaves_no_lambda_behind(self):
        launcher, lambdas = self.start_with_lambdas()
        os.kill(launcher.process.pid, signal.SIGKILL)
        launcher.process.wait(timeout=10)
        until(lambda: not any(is_alive(pid) for pid in lambdas), "the kernel ends them", patience=2)


class Refusals(unittest.TestCase):
    def run_launcher(self, *arguments, code=None, **environment):
        command = [sys.executable, "-c", code] if code else [sys.executable, f"{harness.HERE}/launcher.py", *arguments]
        return subprocess.run(command, env={"PATH": os.environ["PATH"], **environment}, cwd=harness.HERE,
                              capture_output=True, text=True, timeout=20, check=False)

    def test_detach_is_refused(self):
        ended = self.run_launcher("--detach", GATEWAY_PORT="1")
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("no arguments", ended.stderr)

    def test_a_missing_port_is_refused(self):
        self.assertIn("GATEWAY_PORT", self.run_launcher().stderr)

    def test_another_version_of_ministack_is_refused(self):
        ended = self.run_launcher(GATEWAY_PORT="1", MINISTACK_VERSION="1.5.34")
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("requirements.txt", ended.stderr)

    def test_a_hook_that_moved_stops_the_start(self):
        ended = self.run_launcher(GATEWAY_PORT="1", code=(
            "from ministack.services import eventbridge; del eventbridge._invoke_target; "
            "import launcher; launcher.main()"))
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("_invoke_target", ended.stderr)


if __name__ == "__main__":
    unittest.main()
