"""Parameter Store's events and answers, and CloudTrail's events about Secrets Manager."""

import json
import unittest

import functions
import harness
from harness import client, make_secret


class ParameterStore(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ssm = client("ssm")
        cls.heard = harness.Listener({"source": ["aws.ssm"]})

    def changes(self, *names):
        found = []
        for event in self.heard.all_now():
            self.assertEqual(event["detail-type"], "Parameter Store Change")
            if event["detail"]["name"] in names:
                found.append((event["detail"], event["resources"]))
        return found

    def test_each_change_sends_one_event_without_version_or_value(self):
        """Systems Manager User Guide, "Reference: Amazon EventBridge event patterns and types", "Parameter Store":
        operation Create, Update, Delete, LabelParameterVersion; the sample event's members; a leading slash of the
        name is the ARN's only slash."""
        name = f"/{harness.unique('app')}/password"
        self.ssm.put_parameter(Name=name, Value="one", Type="SecureString", Description="a text")
        self.ssm.put_parameter(Name=name, Value="two", Overwrite=True)
        self.ssm.label_parameter_version(Name=name, Labels=["blue"])
        self.ssm.delete_parameter(Name=name)
        arn = f"arn:aws:ssm:{harness.REGION}:{harness.ACCOUNT}:parameter{name}"
        self.assertEqual(self.changes(name), [
            ({"operation": operation, "name": name, "type": "SecureString", "description": "a text"}, [arn])
            for operation in ("Create", "Update", "LabelParameterVersion", "Delete")])

    def test_a_name_without_slash_a_missing_description_and_several_deletes(self):
        """As above; DeleteParameters sends one event per parameter that was there."""
        one, two = harness.unique("one"), harness.unique("two")
        for name in (one, two):
            self.ssm.put_parameter(Name=name, Value="x", Type="String")
        answer = self.ssm.delete_parameters(Names=[one, two, "never-there"])
        self.assertEqual(answer["InvalidParameters"], ["never-there"])
        found = self.changes(one, two)
        self.assertEqual([detail["operation"] for detail, _ in found], ["Create", "Create", "Delete", "Delete"])
        for detail, resources in found:
            self.assertNotIn("description", detail)
            self.assertEqual(resources, [f"arn:aws:ssm:{harness.REGION}:{harness.ACCOUNT}:parameter/{detail['name']}"])

    def test_refused_writes_send_nothing(self):
        """PutParameter: ParameterAlreadyExists without Overwrite. An event tells of a change."""
        name = harness.unique("p")
        self.ssm.put_parameter(Name=name, Value="x", Type="String")
        with self.assertRaises(self.ssm.exceptions.ParameterAlreadyExists):
            self.ssm.put_parameter(Name=name, Value="y", Type="String")
        with self.assertRaises(self.ssm.exceptions.ParameterNotFound):
            self.ssm.delete_parameter(Name="never-there")
        self.assertEqual(len(self.changes(name, "never-there")), 1)

    def test_secure_strings_arns_dates_and_unknown_names(self):
        """API Reference, GetParameters: InvalidParameters holds the unknown names; Parameter$ARN, $LastModifiedDate;
        WithDecryption false gives the encrypted value of a SecureString."""
        name = f"/{harness.unique('app')}/p"
        self.ssm.put_parameter(Name=name, Value="secret text", Type="SecureString")
        clear = self.ssm.get_parameters(Names=[name, "/never/there"], WithDecryption=True)
        self.assertEqual(clear["InvalidParameters"], ["/never/there"])
        [parameter] = clear["Parameters"]
        self.assertEqual((parameter["Value"], parameter["Version"]), ("secret text", 1))
        self.assertEqual(parameter["ARN"], f"arn:aws:ssm:{harness.REGION}:{harness.ACCOUNT}:parameter{name}")
        hidden = self.ssm.get_parameter(Name=name)["Parameter"]
        self.assertNotIn("secret text", hidden["Value"])
        self.assertEqual(hidden["LastModifiedDate"], parameter["LastModifiedDate"])
        versions = {}
        for number in range(3):
            version = self.ssm.put_parameter(Name=name, Value=str(number), Overwrite=True)["Version"]
            versions[version] = self.ssm.get_parameter(Name=name)["Parameter"]["LastModifiedDate"].microsecond
        self.assertEqual(sorted(versions), [2, 3, 4])
        self.assertTrue(any(versions.values()), versions)

    def test_parameters_are_found_by_tags(self):
        """API Reference, ParameterStringFilter: Key `tag:name`, with values or, for any value, without."""
        names = [harness.unique("p") for _ in range(3)]
        team = harness.unique("team")
        for name, tags in zip(names, ({"team": team}, {"team": "other"}, {team: "x"}), strict=True):
            self.ssm.put_parameter(Name=name, Value="x", Type="String",
                                   Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
        for key, values, expected in (("tag:team", [team], names[:1]), (f"tag:{team}", None, names[2:])):
            wanted = {"Key": key, "Values": values} if values else {"Key": key}
            found = self.ssm.describe_parameters(ParameterFilters=[wanted])["Parameters"]
            self.assertEqual([parameter["Name"] for parameter in found], expected)


class CloudTrail(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.secrets = client("secretsmanager")
        cls.heard = harness.Listener({"source": ["aws.secretsmanager"], "detail-type": [
            "AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"]})

    def test_writing_calls_are_told_in_camel_case_and_without_values(self):
        """User Guide, "Log … with AWS CloudTrail": sample entries; botocore: SecretString, SecretBinary and
        RotationToken are "sensitive, so the service does not include it in CloudTrail log entries"."""
        arn, _ = make_secret("never in a log", name=(name := harness.unique("secret")))
        version = self.secrets.put_secret_value(
            SecretId=name, SecretString="nor this", RotationToken="r" * 40)["VersionId"]
        self.secrets.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
        self.secrets.restore_secret(SecretId=arn)
        self.secrets.get_secret_value(SecretId=arn)
        mine = [event for event in self.heard.all_now() if name in json.dumps(event)]
        self.assertEqual([event["detail"]["eventName"] for event in mine],
                         ["CreateSecret", "PutSecretValue", "DeleteSecret", "RestoreSecret"])
        for event in mine:
            self.assertEqual((event["source"], event["resources"], event["detail-type"]),
                             ("aws.secretsmanager", [], "AWS API Call via CloudTrail"))
            self.assertEqual(event["detail"]["eventSource"], "secretsmanager.amazonaws.com")
            self.assertEqual(event["detail"]["responseElements"]["arn"], arn)
        put = mine[1]["detail"]
        # The boto client makes the token itself; the request keeps the spelling of the caller.
        self.assertEqual(put["requestParameters"], {"secretId": name, "clientRequestToken": version})
        self.assertEqual(mine[2]["detail"]["requestParameters"]["recoveryWindowInDays"], 7)
        self.assertFalse(any(word in json.dumps(mine) for word in ("never in a log", "nor this", "r" * 40)))

    def test_a_refused_call_carries_its_error(self):
        """CloudTrail User Guide, "CloudTrail record contents": errorCode, errorMessage; responseElements is null."""
        name = harness.unique("missing")
        with self.assertRaises(self.secrets.exceptions.ResourceNotFoundException):
            self.secrets.update_secret(SecretId=name, SecretString="x")
        event = self.heard.next("the refused call", lambda event: name in json.dumps(event))
        self.assertEqual(event["detail"]["errorCode"], "ResourceNotFoundException")
        self.assertTrue(event["detail"]["errorMessage"])
        self.assertIsNone(event["detail"]["responseElements"])

    def test_a_rotation_sends_service_events(self):
        """User Guide, "Secrets Manager events in CloudTrail": RotationStarted, RotationSucceeded as AwsServiceEvent
        with additionalEventData.SecretId."""
        arn, _ = make_secret()
        token = self.secrets.rotate_secret(SecretId=arn, RotationLambdaARN=functions.rotator())["VersionId"]
        for name in ("RotationStarted", "RotationSucceeded"):
            event = self.heard.next(name, lambda event, name=name: event["detail"]["eventName"] == name
                                    and event["detail"]["additionalEventData"]["SecretId"] == arn)
            self.assertEqual(event["detail-type"], "AWS Service Event via CloudTrail")
            self.assertEqual(event["detail"]["eventType"], "AwsServiceEvent")
            self.assertEqual(event["detail"]["requestID"], f"Rotation-{arn}-{token}")

    def test_nobody_can_forge_such_an_event(self):
        """API Reference, PutEvents: a Source that begins with `aws.` is refused (NotAuthorizedForSourceException)."""
        answer = client("events").put_events(Entries=[{
            "Source": "aws.secretsmanager", "DetailType": "Secret Label Updated", "Detail": "{}"}])
        self.assertEqual(answer["FailedEntryCount"], 1)


if __name__ == "__main__":
    unittest.main()
