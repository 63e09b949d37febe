"""Versions and labels: what writes do, what can be read, and when `Secret Label Updated` is sent."""

import json
import threading
import time
import unittest
import uuid

import boto3

import harness
from harness import client, make_secret, stages

LABEL_UPDATED = "Secret Label Updated"


class Labels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.secrets = client("secretsmanager")
        cls.heard = harness.Listener({"source": ["aws.secretsmanager"], "detail-type": [LABEL_UPDATED]})

    def labelled(self, arn):
        """[(label, version id)] of the events about one secret so far."""
        return [(event["detail"]["labelUpdated"], event["detail"]["versionId"])
                for event in self.heard.all_now() if event["resources"] == [arn]]

    def put(self, arn, value, **more):
        return self.secrets.put_secret_value(SecretId=arn, SecretString=value, **more)["VersionId"]

    def move(self, arn, to, source, stage="AWSCURRENT"):
        self.secrets.update_secret_version_stage(
            SecretId=arn, VersionStage=stage, MoveToVersionId=to, RemoveFromVersionId=source)

    def test_put_secret_value_moves_current_and_previous_and_sends_one_event(self):
        """User Guide, "Monitor … with EventBridge", "Secret value changes": sample event; botocore, PutSecretValue:
        AWSPREVIOUS moves to the version that AWSCURRENT was removed from."""
        arn, first = make_secret()
        self.labelled(arn)
        second = self.put(arn, "two")
        event = self.heard.next(LABEL_UPDATED, lambda event: event["resources"] == [arn])
        self.assertEqual(event["source"], "aws.secretsmanager")
        self.assertEqual(event["detail"], {
            "name": self.secrets.describe_secret(SecretId=arn)["Name"], "labelUpdated": "AWSCURRENT",
            "versionId": second})
        self.assertEqual(stages(arn), {first: {"AWSPREVIOUS"}, second: {"AWSCURRENT"}})
        self.assertEqual(self.labelled(arn), [])

    def test_moving_current_back_and_forth_sends_an_event_each_time(self):
        """User Guide, "Monitor … with EventBridge": sent when a label moves to a new version; botocore,
        UpdateSecretVersionStage: AWSPREVIOUS follows. This is the heartbeat's way."""
        arn, one = make_secret()
        two = self.put(arn, "two")
        self.labelled(arn)
        for _ in range(2):
            self.move(arn, one, two)
            self.assertEqual(stages(arn), {one: {"AWSCURRENT"}, two: {"AWSPREVIOUS"}})
            self.move(arn, two, one)
            self.assertEqual(stages(arn), {two: {"AWSCURRENT"}, one: {"AWSPREVIOUS"}})
        self.assertEqual(self.labelled(arn), [("AWSCURRENT", one), ("AWSCURRENT", two)] * 2)

    def test_custom_labels_send_events_pending_and_previous_do_not(self):
        """User Guide, "Monitor … with EventBridge": "for all labels except AWSPENDING and AWSPREVIOUS"."""
        arn, first = make_secret()
        self.labelled(arn)
        pending = self.put(arn, "two", VersionStages=["AWSPENDING", "blue"])
        self.move(arn, first, pending, "blue")
        self.secrets.tag_resource(SecretId=arn, Tags=[{"Key": "a", "Value": "b"}])
        self.secrets.update_secret(SecretId=arn, Description="metadata only")
        self.assertEqual(self.labelled(arn), [("blue", pending), ("blue", first)])

    def test_a_label_sits_on_one_version(self):
        """botocore, PutSecretValueRequest$VersionStages: "removes the label from the other version"."""
        arn, first = make_secret()
        a = self.put(arn, "a", VersionStages=["AWSPENDING", "blue"])
        b = self.put(arn, "b", VersionStages=["AWSPENDING", "blue"])
        self.assertEqual(stages(arn), {first: {"AWSCURRENT"}, b: {"AWSPENDING", "blue"}})
        self.assertNotIn(a, stages(arn))

    def test_a_version_that_lost_its_last_label_is_readable_and_can_return(self):
        """botocore, UpdateSecretVersionStage: a version without labels is "deprecated", it "can be deleted", not
        is; PutSecretValue: versions of the last 24 hours are kept. ListSecretVersionIds: IncludeDeprecated."""
        arn, one = make_secret("one")
        two, three = self.put(arn, "two"), self.put(arn, "three")
        self.assertEqual(self.secrets.get_secret_value(SecretId=arn, VersionId=one)["SecretString"], "one")
        listed = self.secrets.list_secret_version_ids(SecretId=arn)["Versions"]
        self.assertEqual({version["VersionId"] for version in listed}, {two, three})
        listed = self.secrets.list_secret_version_ids(SecretId=arn, IncludeDeprecated=True)["Versions"]
        self.assertEqual({version["VersionId"] for version in listed}, {one, two, three})
        self.move(arn, one, three)
        self.assertEqual(stages(arn), {one: {"AWSCURRENT"}, three: {"AWSPREVIOUS"}})
        self.assertEqual(self.secrets.get_secret_value(SecretId=arn)["SecretString"], "one")

    def test_moving_a_label_needs_its_exact_holder(self):
        """botocore, UpdateSecretVersionStageRequest$RemoveFromVersionId: "If the label is attached and you either do
        not specify this parameter, or the version ID does not match, then the operation fails." """
        arn, one = make_secret()
        two = self.put(arn, "two")
        for wrong in ({}, {"RemoveFromVersionId": one}):
            with self.assertRaises(self.secrets.exceptions.InvalidParameterException):
                self.secrets.update_secret_version_stage(
                    SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=one, **wrong)
        self.assertEqual(stages(arn), {two: {"AWSCURRENT"}, one: {"AWSPREVIOUS"}})


class Writes(unittest.TestCase):
    def setUp(self):
        self.secrets = client("secretsmanager")

    def test_put_with_the_same_token_is_a_no_op_for_the_same_value_only(self):
        """botocore, PutSecretValueRequest$ClientRequestToken: "the request is ignored" for the same value, "the request
        fails" for another (ResourceExistsException); it "becomes the VersionId"."""
        arn, first = make_secret()
        token = str(uuid.uuid4())
        for _ in range(2):
            made = self.secrets.put_secret_value(
                SecretId=arn, SecretString="a", ClientRequestToken=token, VersionStages=["AWSPENDING"])
            self.assertEqual((made["VersionId"], made["VersionStages"]), (token, ["AWSPENDING"]))
        with self.assertRaises(self.secrets.exceptions.ResourceExistsException):
            self.secrets.put_secret_value(SecretId=arn, SecretString="b", ClientRequestToken=token)
        self.assertEqual(stages(arn), {first: {"AWSCURRENT"}, token: {"AWSPENDING"}})
        self.assertEqual(self.secrets.get_secret_value(SecretId=arn, VersionId=token)["SecretString"], "a")

    def test_create_and_update_use_the_token_as_version_id(self):
        """botocore, CreateSecretRequest and UpdateSecretRequest$ClientRequestToken."""
        name, token, second = harness.unique("secret"), str(uuid.uuid4()), str(uuid.uuid4())
        for _ in range(2):
            made = self.secrets.create_secret(Name=name, SecretString="a", ClientRequestToken=token)
            self.assertEqual(made["VersionId"], token)
        with self.assertRaises(self.secrets.exceptions.ResourceExistsException):
            self.secrets.create_secret(Name=name, SecretString="b", ClientRequestToken=token)
        for _ in range(2):
            made = self.secrets.update_secret(SecretId=name, SecretString="b", ClientRequestToken=second)
            self.assertEqual(made["VersionId"], second)
        with self.assertRaises(self.secrets.exceptions.ResourceExistsException):
            self.secrets.update_secret(SecretId=name, SecretString="c", ClientRequestToken=second)
        self.assertEqual(stages(name), {token: {"AWSPREVIOUS"}, second: {"AWSCURRENT"}})

    def test_a_token_is_32_to_64_characters_long(self):
        """botocore, ClientRequestTokenType: min 32, max 64 (the SDKs for Rust do not check it themselves)."""
        arn, _ = make_secret()
        unchecked = boto3.client(
            "secretsmanager", region_name=harness.REGION, endpoint_url=harness.shared().endpoint,
            aws_access_key_id="test", aws_secret_access_key="test",
            config=boto3.session.Config(parameter_validation=False))
        with self.assertRaises(unchecked.exceptions.InvalidParameterException):
            unchecked.put_secret_value(SecretId=arn, SecretString="b", ClientRequestToken="short")

    def test_a_secret_created_without_a_value_has_no_version_and_its_first_one_is_current(self):
        """botocore, CreateSecret: without SecretString or SecretBinary "Secrets Manager creates a secret with no
        version"; PutSecretValue: the first version gets AWSCURRENT whatever labels are asked for."""
        name = harness.unique("secret")
        self.assertNotIn("VersionId", self.secrets.create_secret(Name=name))
        self.assertEqual(stages(name), {})
        with self.assertRaises(self.secrets.exceptions.ResourceNotFoundException):
            self.secrets.get_secret_value(SecretId=name)
        made = self.secrets.put_secret_value(SecretId=name, SecretBinary=b"\x00\xff", VersionStages=["AWSPENDING"])
        self.assertEqual(stages(name), {made["VersionId"]: {"AWSCURRENT", "AWSPENDING"}})
        self.assertEqual(self.secrets.get_secret_value(SecretId=name)["SecretBinary"], b"\x00\xff")

    def test_id_and_label_must_name_the_same_version(self):
        """botocore, GetSecretValueRequest$VersionId: "the two parameters must refer to the same secret version"."""
        arn, first = make_secret()
        self.secrets.put_secret_value(SecretId=arn, SecretString="two")
        with self.assertRaises(self.secrets.exceptions.InvalidRequestException):
            self.secrets.get_secret_value(SecretId=arn, VersionId=first, VersionStage="AWSCURRENT")

    def test_a_partial_arn_is_the_arn_without_its_suffix_and_nothing_shorter(self):
        """User Guide, "Finding secrets from a partial ARN": the ARN without the hyphen and six random characters."""
        name = harness.unique("db")
        longer, _ = make_secret("longer", name=f"{name}2")
        head = longer.rpartition(":")[0]
        for partial in (f"{head}:{name}", longer[:-3], longer[:-6]):
            with self.assertRaises(self.secrets.exceptions.ResourceNotFoundException, msg=partial):
                self.secrets.get_secret_value(SecretId=partial)
        shorter, _ = make_secret("shorter", name=name)
        for partial, value in ((f"{head}:{name}", "shorter"), (shorter, "shorter"), (longer[:-7], "longer")):
            self.assertEqual(self.secrets.get_secret_value(SecretId=partial)["SecretString"], value)

    def test_dates_have_fractions_of_a_second(self):
        """API Reference, GetSecretValue, sample response: `"CreatedDate": 1.523477145713E9`."""
        arn, _ = make_secret()
        created, changed = set(), set()
        for number in range(3):
            self.secrets.put_secret_value(SecretId=arn, SecretString=f"value {number}")
            self.secrets.tag_resource(SecretId=arn, Tags=[{"Key": "n", "Value": str(number)}])
            created.add(self.secrets.get_secret_value(SecretId=arn)["CreatedDate"].microsecond)
            changed.add(self.secrets.describe_secret(SecretId=arn)["LastChangedDate"].microsecond)
        self.assertTrue(any(created), created)
        self.assertEqual(len(changed), 3, changed)


class LongPoll(unittest.TestCase):
    def test_a_waiting_receive_returns_when_the_event_is_there(self):
        """SQS Developer Guide, "Amazon SQS short and long polling": a long poll answers "as soon as messages become
        available". MiniStack looks every 100 ms, which would be 80 ms after the put."""
        heard = harness.Listener({"source": ["aws.secretsmanager"], "detail-type": [LABEL_UPDATED]})
        arn, _ = make_secret()
        took = []

        def receive():
            queues = harness.shared().client("sqs")
            for _ in range(10):
                waiting.set()
                got = queues.receive_message(QueueUrl=heard.url, WaitTimeSeconds=10)["Messages"]
                took.append(time.monotonic() - put_at[0])
                for message in got:
                    queues.delete_message(QueueUrl=heard.url, ReceiptHandle=message["ReceiptHandle"])
                received.set()

        waiting, received, put_at = threading.Event(), threading.Event(), [0.0]
        receiver = threading.Thread(target=receive)
        receiver.start()
        for number in range(10):
            self.assertTrue(waiting.wait(10))
            waiting.clear()
            # Not for luck: a receive that has not begun would only be faster.
            time.sleep(0.02)
            put_at[0] = time.monotonic()
            client("secretsmanager").put_secret_value(SecretId=arn, SecretString=json.dumps(number))
            self.assertTrue(received.wait(10))
            received.clear()
        receiver.join()
        self.assertLess(sorted(took)[5], 0.04, took)


if __name__ == "__main__":
    unittest.main()
