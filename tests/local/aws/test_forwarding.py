"""Events that pass from one region or account to another."""

import json
import unittest

import boto3
import harness

OTHER = "111122223333"
ABROAD = "eu-west-1"
BUS = f"arn:aws:events:{harness.REGION}:{harness.ACCOUNT}:event-bus/"


def client(service, account="test", region=ABROAD):
    return boto3.client(service, region_name=region, endpoint_url=harness.shared().endpoint,
                        aws_access_key_id=account, aws_secret_access_key="test")


def statement(**members):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **members}]})


class Forwarding(unittest.TestCase):
    def relay(self, bus, account="test", trusted="events.amazonaws.com", allowed="events:PutEvents"):
        """A rule that carries changes of one parameter to `bus`; answers what to wait for, how to change it, and where
        what cannot be carried ends."""
        name = harness.unique("forwarded")
        iam, events, sqs = (client(service, account) for service in ("iam", "events", "sqs"))
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=statement(
            Principal={"Service": trusted}, Action="sts:AssumeRole"))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=statement(Action=allowed, Resource=bus))
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": statement(
            Principal={"Service": "events.amazonaws.com"}, Action="sqs:SendMessage", Resource=arn)})
        pattern = {"source": ["aws.ssm"], "detail": {"name": [name]}}
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "bus", "Arn": bus, "RoleArn": role, "DeadLetterConfig": {"Arn": arn}}])

        def change():
            client("ssm", account).put_parameter(Name=name, Value="x", Type="String")

        def refused():
            got = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=5)["Messages"][0]
            return got["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]

        return pattern, change, refused

    def test_an_event_arrives_in_another_region_as_it_was(self):
        """EventBridge User Guide, "Sending and receiving events between AWS Regions"."""
        pattern, change, _ = self.relay(BUS + "default")
        listener = harness.Listener(pattern)
        change()
        event = listener.next("the event of the other region")
        self.assertEqual((event["region"], event["account"]), (ABROAD, harness.ACCOUNT))

    def test_a_role_is_needed_that_events_may_assume_and_that_may_put_events(self):
        """EventBridge User Guide, "Using IAM roles to send events to targets": the trust and the permission."""
        for change_of, word in (({"trusted": "lambda.amazonaws.com"}, "may not assume"),
                                ({"allowed": "events:PutRule"}, "is not authorized to perform events:PutEvents")):
            _, change, refused = self.relay(BUS + "default", **change_of)
            change()
            self.assertIn(word, refused())

    def test_another_account_has_to_be_let_in_by_the_bus(self):
        """EventBridge User Guide, "Sending and receiving events between AWS accounts"."""
        name = harness.unique("bus")
        formation = client("cloudformation", region=harness.REGION)

        def deploy(call, **members):
            bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": name, **members}}
            call(StackName=name, TemplateBody=json.dumps({"Resources": {"Bus": bus}}))

        deploy(formation.create_stack)
        pattern, change, refused = self.relay(BUS + name, account=OTHER)
        change()
        self.assertIn("does not allow", refused())
        deploy(formation.update_stack, Policy=json.loads(statement(
            Principal={"AWS": f"arn:aws:iam::{OTHER}:root"}, Action="events:PutEvents", Resource=BUS + name)))
        listener = harness.Listener(pattern, bus=name)
        client("ssm", OTHER).delete_parameter(Name=pattern["detail"]["name"][0])
        event = listener.next("the event of the other account")
        self.assertEqual((event["region"], event["account"]), (ABROAD, OTHER))
