"""Which events reach a rule's target, and where the others go."""

import json
import unittest

import functions
import harness
from harness import client, until

HANDLER = "def handler(event, context):\n    print('invoked for ' + event['detail']['name'], flush=True)\n"


class Delivery(unittest.TestCase):
    def setUp(self):
        self.rule = harness.unique("rule")
        self.parameter = harness.unique("p")
        self.rule_arn = client("events").put_rule(Name=self.rule, EventPattern=json.dumps(
            {"source": ["aws.ssm"], "detail": {"name": [self.parameter]}}))["RuleArn"]

    def target(self, arn, dead_letter=None):
        more = {"DeadLetterConfig": {"Arn": dead_letter}} if dead_letter else {}
        answer = client("events").put_targets(Rule=self.rule, Targets=[{"Id": "t", "Arn": arn, **more}])
        self.assertEqual(answer["FailedEntryCount"], 0)

    def change(self):
        client("ssm").put_parameter(Name=self.parameter, Value="x", Type="String", Overwrite=True)

    def messages(self, url):
        # What an event causes is there when the call that caused it has returned.
        return client("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages", [])

    def test_a_queue_without_a_policy_for_the_rule_gets_nothing(self):
        """EventBridge User Guide, "Using resource-based policies", "Amazon SQS permissions": the queue's policy must
        allow events.amazonaws.com; with aws:SourceArn only for that rule."""
        for policy_for in (None, f"{self.rule_arn}-other"):
            url, arn = harness.make_queue(policy_for)
            self.target(arn)
            self.change()
            self.assertEqual(self.messages(url), [])
        harness.allow_events(url, arn, self.rule_arn)
        self.change()
        self.assertEqual(len(self.messages(url)), 1)

    def test_what_is_refused_goes_to_the_dead_letter_queue_with_the_reason(self):
        """EventBridge User Guide, "Using dead-letter queues": attributes RULE_ARN, TARGET_ARN, ERROR_CODE,
        ERROR_MESSAGE; errors of permission and missing targets are not retried; the queue
        needs a policy for the rule as well."""
        for target, code in ((harness.make_queue()[1], "NO_PERMISSIONS"),
                             (f"arn:aws:sqs:{harness.REGION}:{harness.ACCOUNT}:gone", "NO_RESOURCE")):
            dead_url, dead_arn = harness.make_queue(policy_for=self.rule_arn)
            self.target(target, dead_letter=dead_arn)
            self.change()
            [message] = self.messages(dead_url)
            attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
            self.assertEqual((attributes["RULE_ARN"], attributes["TARGET_ARN"], attributes["ERROR_CODE"]),
                             (self.rule_arn, target, code))
            self.assertIn(target, attributes["ERROR_MESSAGE"])
            self.assertEqual(json.loads(message["Body"])["detail"]["name"], self.parameter)

    def test_a_dead_letter_queue_without_a_policy_gets_nothing_either(self):
        """As above, "Granting permissions to the dead-letter queue"."""
        dead_url, dead_arn = harness.make_queue()
        self.target(harness.make_queue()[1], dead_letter=dead_arn)
        self.change()
        self.assertEqual(self.messages(dead_url), [])

    def test_a_function_is_invoked_only_with_a_permission_for_the_rule(self):
        """EventBridge User Guide, "Using resource-based policies", "AWS Lambda permissions"."""
        dead_url, dead_arn = harness.make_queue(policy_for=self.rule_arn)
        function = functions.make_function(HANDLER, permitted=())
        self.target(function, dead_letter=dead_arn)
        self.change()
        self.assertEqual(len(self.messages(dead_url)), 1)
        client("lambda").add_permission(FunctionName=function, StatementId="s", Action="lambda:InvokeFunction",
                                        Principal="events.amazonaws.com", SourceArn=self.rule_arn)
        self.change()
        launcher, name = harness.shared(), function.rpartition(":")[2]
        until(lambda: [line["line"] for line in launcher.lines(launcher.lambda_log) if line["function"] == name]
              == [f"invoked for {self.parameter}"], "exactly one invocation")


if __name__ == "__main__":
    unittest.main()
