"""RotateSecret: the state machine around a rotation function."""

import unittest
import uuid

import functions
import harness
from functions import printed, rotator, steps
from harness import client, make_secret, stages, until

STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]


def rotate(arn, function, **more):
    return client("secretsmanager").rotate_secret(SecretId=arn, RotationLambdaARN=function, **more)["VersionId"]


def is_current(arn, version):
    return "AWSCURRENT" in stages(arn).get(version, ())


class Rotation(unittest.TestCase):
    def setUp(self):
        self.secrets = client("secretsmanager")

    def test_the_four_steps_run_in_order_with_one_token_and_move_the_labels(self):
        """User Guide, "Rotation by Lambda functions": the four steps; the event's SecretId, ClientRequestToken, Step
        and RotationToken; ClientRequestToken is the new version's id (API Reference, RotateSecret)."""
        arn, before = make_secret()
        token = str(uuid.uuid4())
        self.assertEqual(rotate(arn, rotator(), ClientRequestToken=token), token)
        until(lambda: is_current(arn, token), "the rotation finishes")
        lines = printed(rotator(), token=token)
        self.assertEqual([line["step"] for line in lines], STEPS)
        self.assertEqual(lines[0]["keys"], ["ClientRequestToken", "RotationToken", "SecretId", "Step"])
        self.assertEqual({line["arn"] for line in lines}, {arn})
        for line in lines:
            self.assertRegex(line["rotationToken"], r"^[a-zA-Z0-9-]{36,256}$")
        self.assertEqual(stages(arn)[before], {"AWSPREVIOUS"})
        # RotateSecret: AWSPENDING "might be attached to the same version as AWSCURRENT, or … not … to any version".
        self.assertLessEqual(stages(arn)[token], {"AWSCURRENT", "AWSPENDING"})
        self.assertEqual(self.secrets.get_secret_value(SecretId=arn)["SecretString"], f"rotated-{token}")

    def test_the_pending_version_is_empty_until_createsecret(self):
        """botocore, DescribeSecretResponse$VersionIdsToStages: "Secrets Manager creates an AWSPENDING version ID before
        creating the new secret version. To check if a secret version exists, call GetSecretValue."""
        arn, _ = make_secret()
        function = rotator(hold="createSecret")
        token = rotate(arn, function)
        until(lambda: steps(function, token), "createSecret was invoked")
        self.assertEqual(stages(arn)[token], {"AWSPENDING"})
        for how in ({"VersionId": token}, {"VersionStage": "AWSPENDING"},
                    {"VersionId": token, "VersionStage": "AWSPENDING"}):
            with self.assertRaises(self.secrets.exceptions.ResourceNotFoundException):
                self.secrets.get_secret_value(SecretId=arn, **how)
        listed = self.secrets.list_secret_version_ids(SecretId=arn)["Versions"]
        self.assertNotIn(token, [version["VersionId"] for version in listed])
        functions.release(token)
        until(lambda: is_current(arn, token), "the rotation finishes")

    def test_a_failed_step_starts_again_from_createsecret_with_the_same_token(self):
        """User Guide, "Rotation by Lambda functions": "If any rotation step fails, Secrets Manager retries the entire
        rotation process multiple times." """
        arn, _ = make_secret()
        function = rotator(fail="setSecret:1")
        token = rotate(arn, function)
        until(lambda: is_current(arn, token), "the second try succeeds")
        self.assertEqual(steps(function, token), ["createSecret", "setSecret", *STEPS])

    def test_a_rotation_that_failed_leaves_awspending_and_the_next_call_tries_it_again(self):
        """botocore, RotateSecret: "If the AWSPENDING staging label is present but not attached to the same version as
        AWSCURRENT, then any later invocation of RotateSecret assumes that a previous rotation request is still in
        progress and returns an error"; User Guide, "Troubleshoot rotation": it is reattempted."""
        heard = harness.Listener({"detail": {"eventName": ["RotationFailed"]}})
        arn, before = make_secret()
        function = rotator(fail="setSecret:3")
        token = rotate(arn, function)
        until(lambda: steps(function, token).count("setSecret") == 3, "three tries")
        for _ in range(3):
            event = heard.next(
                "RotationFailed", lambda event: event["detail"]["additionalEventData"]["SecretId"] == arn)
        self.assertEqual(event["detail"]["errorMessage"],
                         f"Error when executing lambda {function} during setSecret step")
        self.assertEqual(stages(arn), {before: {"AWSCURRENT"}, token: {"AWSPENDING"}})
        with self.assertRaisesRegex(
                self.secrets.exceptions.InvalidRequestException, "previous rotation isn't complete"):
            self.secrets.rotate_secret(SecretId=arn)
        until(lambda: is_current(arn, token), "the old rotation is tried again and succeeds now")

    def test_a_stuck_rotation_is_released_by_removing_awspending(self):
        """User Guide, "Troubleshoot rotation", "A previous rotation isn't complete": remove AWSPENDING with
        UpdateSecretVersionStage --remove-from-version-id."""
        arn, _ = make_secret()
        failing = rotator(fail="createSecret:3")
        stuck = rotate(arn, failing)
        until(lambda: steps(failing, stuck).count("createSecret") == 3, "three tries")
        self.secrets.update_secret_version_stage(SecretId=arn, VersionStage="AWSPENDING", RemoveFromVersionId=stuck)
        token = rotate(arn, rotator())
        until(lambda: is_current(arn, token), "a new rotation finishes")

    def test_rotate_immediately_false_runs_testsecret_only(self):
        """botocore, RotateSecretRequest$RotateImmediately: "tests the rotation configuration by running the testSecret
        step … This test creates an AWSPENDING version of the secret and then removes it." That the version holds the
        current value: moto #8547, checked against AWS."""
        heard = harness.Listener({"detail": {"eventName": [{"prefix": "TestRotation"}]}})
        arn, before = make_secret("current value")
        function = rotator(hold="never")
        token = rotate(arn, function, RotateImmediately=False, RotationRules={"AutomaticallyAfterDays": 30})
        for ending in ("Started", "Succeeded"):
            heard.next(f"TestRotation{ending}", lambda event, ending=ending:
                       event["detail"]["eventName"] == f"TestRotation{ending}"
                       and event["detail"]["additionalEventData"]["SecretId"] == arn)
        self.assertEqual(steps(function, token), ["testSecret"])
        self.assertEqual(printed(function, tested="current value")[-1], {"tested": "current value"})
        self.assertEqual(stages(arn), {before: {"AWSCURRENT"}})
        self.assertTrue(self.secrets.describe_secret(SecretId=arn)["RotationEnabled"])

    def test_a_failed_test_removes_the_temporary_version_too(self):
        """As above; event names: User Guide, "Secrets Manager events in CloudTrail", TestRotationFailed."""
        heard = harness.Listener({"detail": {"eventName": ["TestRotationFailed"]}})
        arn, before = make_secret()
        rotate(arn, rotator(fail="testSecret:9"), RotateImmediately=False)
        heard.next("TestRotationFailed", lambda event: event["detail"]["additionalEventData"]["SecretId"] == arn)
        self.assertEqual(stages(arn), {before: {"AWSCURRENT"}})

    def test_a_new_version_during_a_rotation_abandons_it(self):
        """User Guide, "Secrets Manager events in CloudTrail": RotationAbandoned, "Secrets Manager abandoned a rotation
        attempt and removed the AWSPENDING label … when you create a new version of a secret during rotation"."""
        heard = harness.Listener({"detail": {"eventName": ["RotationAbandoned"]}})
        arn, before = make_secret()
        function = rotator(hold="setSecret")
        token = rotate(arn, function)
        until(lambda: "setSecret" in steps(function, token), "setSecret was invoked")
        manual = self.secrets.put_secret_value(SecretId=arn, SecretString="by hand")["VersionId"]
        heard.next("RotationAbandoned", lambda event: event["detail"]["additionalEventData"]["SecretId"] == arn)
        self.assertEqual(stages(arn), {manual: {"AWSCURRENT"}, before: {"AWSPREVIOUS"}})
        functions.release(token)
        again = rotate(arn, rotator())
        until(lambda: is_current(arn, again), "a later rotation finishes")
        self.assertEqual(steps(function, token), ["createSecret", "setSecret"])

    def test_cancel_ends_the_rotation_and_turns_the_schedule_off(self):
        """botocore, CancelRotateSecret: "Turns off automatic rotation, and if a rotation is currently in progress,
        cancels the rotation … it can leave the VersionStage labels in an unexpected state"; DescribeSecret:
        NextRotationDate is null when rotation has been disabled, RotationRules show the previous schedule."""
        arn, before = make_secret()
        function = rotator(hold="setSecret")
        token = rotate(arn, function, RotationRules={"AutomaticallyAfterDays": 7})
        until(lambda: "setSecret" in steps(function, token), "setSecret was invoked")
        self.secrets.cancel_rotate_secret(SecretId=arn)
        functions.release(token)
        described = self.secrets.describe_secret(SecretId=arn)
        self.assertFalse(described["RotationEnabled"])
        self.assertNotIn("NextRotationDate", described)
        self.assertEqual(described["RotationRules"], {"AutomaticallyAfterDays": 7})
        other, _ = make_secret()
        later = rotate(other, rotator())
        until(lambda: is_current(other, later), "another secret's rotation, begun later, finishes")
        self.assertEqual(steps(function, token), ["createSecret", "setSecret"])
        self.assertEqual(stages(arn), {before: {"AWSCURRENT"}, token: {"AWSPENDING"}})

    def test_the_functions_resource_policy_must_allow_secrets_manager(self):
        """User Guide, "Permissions for rotation" and "Troubleshoot rotation": AccessDeniedException when the function's
        resource policy does not allow secretsmanager.amazonaws.com; aws:SourceArn may name one secret."""
        arn, before = make_secret()
        other, _ = make_secret()
        for function in (functions.make_function(functions.ROTATE, permitted=()),
                         functions.make_function(functions.ROTATE, SourceArn=other),
                         functions.make_function(functions.ROTATE, SourceAccount="111122223333")):
            with self.assertRaises(self.secrets.exceptions.ClientError) as refused:
                rotate(arn, function)
            self.assertEqual(refused.exception.response["Error"]["Code"], "AccessDeniedException")
        self.assertEqual(stages(arn), {before: {"AWSCURRENT"}})
        pinned = functions.make_function(functions.ROTATE, SourceArn=arn, SourceAccount=harness.ACCOUNT)
        token = rotate(arn, pinned)
        until(lambda: is_current(arn, token), "the pinned function may rotate its own secret")

    def test_without_a_function_rotation_is_refused(self):
        """API Reference, RotateSecret, InvalidRequestException: "The secret … doesn't have a Lambda rotation function
        ARN configured and you didn't include such an ARN as a parameter." """
        arn, _ = make_secret()
        with self.assertRaises(self.secrets.exceptions.InvalidRequestException):
            self.secrets.rotate_secret(SecretId=arn)
        self.assertNotIn("RotationEnabled", self.secrets.describe_secret(SecretId=arn))

    def test_a_secret_that_is_deleted_meanwhile_ends_the_rotation(self):
        """User Guide, "Delete a secret": a secret scheduled for deletion cannot be used."""
        arn, _ = make_secret()
        function = rotator(hold="setSecret")
        token = rotate(arn, function)
        until(lambda: "setSecret" in steps(function, token), "setSecret was invoked")
        self.secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
        functions.release(token)
        other, _ = make_secret()
        later = rotate(other, rotator())
        until(lambda: is_current(other, later), "another secret's rotation finishes")
        self.assertEqual(steps(function, token), ["createSecret", "setSecret"])


if __name__ == "__main__":
    unittest.main()
