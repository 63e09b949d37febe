"""Schedules with the time factor of 3600: an hour takes a second."""

import datetime
import time
import unittest

import harness
from functions import rotator
from harness import client, make_secret, until


def scheduled_rule(expression):
    """URL of a queue that gets the rule's scheduled events."""
    rule = harness.unique("rule")
    arn = client("events").put_rule(Name=rule, ScheduleExpression=expression)["RuleArn"]
    url, queue_arn = harness.make_queue(policy_for=arn)
    client("events").put_targets(Rule=rule, Targets=[{"Id": "q", "Arn": queue_arn, "Input": '{"tick": true}'}])
    return rule, url


def arrivals(url, count):
    """When `count` messages were received, in seconds."""
    found = []
    while len(found) < count:
        got = client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=10).get("Messages", [])
        if not got:
            raise AssertionError(f"only {len(found)} of {count} scheduled events")
        found.append(time.monotonic())
        for message in got:
            client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


class Rules(unittest.TestCase):
    def test_rate_and_cron_rules_fire_at_the_faster_pace(self):
        """EventBridge User Guide, "Schedule pattern reference": rate(value unit), cron with six fields in UTC."""
        for expression, seconds in (("rate(1 hour)", 1.0), ("cron(0 * * * ? *)", 1.0)):
            rule, url = scheduled_rule(expression)
            times = arrivals(url, 3)
            client("events").disable_rule(Name=rule)
            for earlier, later in zip(times, times[1:], strict=False):
                self.assertGreater(later - earlier, seconds * 0.5, expression)
                self.assertLess(later - earlier, seconds * 3, expression)


class Rotations(unittest.TestCase):
    def setUp(self):
        self.secrets = client("secretsmanager")

    def described(self, arn):
        return self.secrets.describe_secret(SecretId=arn)

    def test_a_secret_rotates_by_itself_when_it_is_due(self):
        """User Guide, "Rotation schedules": rate(n hours), at least every four hours; botocore, DescribeSecretResponse:
        LastRotatedDate, NextRotationDate "on or before". Four hours take four seconds here."""
        arn, first = make_secret()
        self.secrets.rotate_secret(SecretId=arn, RotationLambdaARN=rotator(), RotateImmediately=False,
                                   RotationRules={"ScheduleExpression": "rate(4 hours)"})
        due = self.described(arn)["NextRotationDate"]
        self.assertAlmostEqual(due.timestamp(), time.time() + 4, delta=2)
        self.assertNotIn("LastRotatedDate", self.described(arn))
        until(lambda: self.described(arn).get("LastRotatedDate"), "the scheduled rotation")
        self.assertEqual(harness.stages(arn)[first], {"AWSPREVIOUS"})
        self.assertGreaterEqual(self.described(arn)["LastRotatedDate"], due - datetime.timedelta(seconds=0.1))
        self.assertGreater(self.described(arn)["NextRotationDate"], due)
        self.secrets.cancel_rotate_secret(SecretId=arn)

    def test_a_manual_update_counts_as_a_rotation_for_automatically_after_days(self):
        """botocore, RotationRulesType$AutomaticallyAfterDays: "Manually updating the secret value by calling
        PutSecretValue or UpdateSecret is considered a valid rotation." """
        arn, _ = make_secret()
        self.secrets.rotate_secret(SecretId=arn, RotationLambdaARN=rotator(), RotateImmediately=False,
                                   RotationRules={"AutomaticallyAfterDays": 30})
        before = self.described(arn)["NextRotationDate"]
        time.sleep(0.01)
        self.secrets.put_secret_value(SecretId=arn, SecretString="by hand")
        self.assertGreater(self.described(arn)["NextRotationDate"], before)

    def test_schedules_that_aws_refuses_are_refused(self):
        """User Guide, "Schedule expressions" and botocore, RotationRulesType: rate in hours or days and not under four
        hours; cron with minutes 0 and year *; days 1 to 1000; not both; Duration `[0-9h]+`, 2 to 3 characters."""
        arn, _ = make_secret()
        for rules in ({"ScheduleExpression": "rate(3 hours)"}, {"ScheduleExpression": "rate(10 minutes)"},
                      {"ScheduleExpression": "cron(5 8 * * ? *)"}, {"ScheduleExpression": "cron(0 8 * * ? 2030)"},
                      {"ScheduleExpression": "daily"}, {"AutomaticallyAfterDays": 1001},
                      {"AutomaticallyAfterDays": 3, "ScheduleExpression": "rate(3 days)"},
                      {"AutomaticallyAfterDays": 3, "Duration": "hhh"}):
            with self.assertRaises(self.secrets.exceptions.InvalidParameterException, msg=str(rules)):
                self.secrets.rotate_secret(SecretId=arn, RotationLambdaARN=rotator(), RotationRules=rules)
        self.assertNotIn("RotationRules", self.described(arn))


if __name__ == "__main__":
    unittest.main()
