"""Events that pass from one region to another."""

import json
import unittest

import boto3
import harness


class Forwarding(unittest.TestCase):
    def test_an_event_arrives_in_another_region_as_it_was(self):
        """EventBridge User Guide, "Sending and receiving events between AWS Regions"."""
        def abroad(service):
            return boto3.client(service, region_name="eu-west-1", endpoint_url=harness.shared().endpoint,
                                aws_access_key_id="test", aws_secret_access_key="test")
        pattern = {"source": ["aws.ssm"], "detail": {"name": [harness.unique("forwarded")]}}
        listener = harness.Listener(pattern)
        rule, bus = harness.unique("rule"), f"arn:aws:events:{harness.REGION}:{harness.ACCOUNT}:event-bus/default"
        abroad("events").put_rule(Name=rule, EventPattern=json.dumps(pattern))
        role = f"arn:aws:iam::{harness.ACCOUNT}:role/forwards"
        abroad("events").put_targets(Rule=rule, Targets=[{"Id": "home", "Arn": bus, "RoleArn": role}])
        abroad("ssm").put_parameter(Name=pattern["detail"]["name"][0], Value="x", Type="String")
        event = listener.next("the event of the other region")
        self.assertEqual((event["region"], event["account"]), ("eu-west-1", harness.ACCOUNT))
