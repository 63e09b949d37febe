"""IAM with AUTH=true: users with managed policies and roles of functions, down to the resource and the condition."""

import json
import unittest

import functions
import harness
from harness import client, make_secret, stages, until

PREFIX = f"arn:aws:secretsmanager:{harness.REGION}:{harness.ACCOUNT}:secret"
PARAMETERS = f"arn:aws:ssm:{harness.REGION}:{harness.ACCOUNT}:parameter"


def user(*statements):
    """{service: client} of a new IAM user with a managed policy of these statements."""
    iam, name = client("iam"), harness.unique("user")
    iam.create_user(UserName=name)
    policy = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": list(statements)}))["Policy"]["Arn"]
    iam.attach_user_policy(UserName=name, PolicyArn=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return lambda service: harness.shared().client(service, key["AccessKeyId"], key["SecretAccessKey"])


def allow(actions, resources, **conditions):
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return {**statement, "Condition": conditions} if conditions else statement


class Users(unittest.TestCase):
    def refused(self, call, **arguments):
        with self.assertRaises(client("sts").exceptions.ClientError) as refused:
            call(**arguments)
        self.assertEqual(refused.exception.response["Error"]["Code"], "AccessDeniedException", arguments)

    def test_names_and_partial_arns_are_checked_as_the_full_arn(self):
        """Service Authorization Reference, Secrets Manager: the resource is `secret:SecretId` with its six-character
        suffix; User Guide, "Finding secrets from a partial ARN"."""
        name = harness.unique("team/db")
        arn, _ = make_secret(name=name)
        other, _ = make_secret(name=harness.unique("other"))
        secrets = user(allow("secretsmanager:GetSecretValue", f"{PREFIX}:{name}-??????"))("secretsmanager")
        for secret_id in (name, arn, arn[:-7]):
            self.assertEqual(secrets.get_secret_value(SecretId=secret_id)["ARN"], arn)
        self.refused(secrets.get_secret_value, SecretId=other)
        self.refused(secrets.describe_secret, SecretId=name)
        self.refused(secrets.put_secret_value, SecretId=name, SecretString="x")

    def test_a_batch_is_checked_as_the_action_that_it_is_a_batch_of(self):
        """Service Authorization Reference, Amazon SQS: there are no actions SendMessageBatch, DeleteMessageBatch and
        ChangeMessageVisibilityBatch; SQS Developer Guide, "Amazon SQS API permissions"."""
        url = client("sqs").create_queue(QueueName=harness.unique("batches"))["QueueUrl"]
        arn = f"arn:aws:sqs:{harness.REGION}:{harness.ACCOUNT}:{url.rsplit('/', 1)[1]}"
        queue = user(allow(["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"], arn))("sqs")
        queue.send_message_batch(QueueUrl=url, Entries=[{"Id": "0", "MessageBody": "one"}])
        receipt = queue.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
        with self.assertRaises(client("sts").exceptions.ClientError):
            queue.change_message_visibility_batch(
                QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": receipt, "VisibilityTimeout": 0}])
        queue.delete_message_batch(QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": receipt}])

    def test_rotation_function_and_version_stage_conditions(self):
        """Service Authorization Reference, Secrets Manager, condition keys:
        secretsmanager:resource/AllowRotationLambdaArn (SAM's AWSSecretsManagerRotationPolicy relies on it),
        secretsmanager:SecretId, secretsmanager:VersionStage,
        secretsmanager:ResourceTag/tag-key."""
        arn, version = make_secret()
        function = functions.rotator()
        secrets = user(
            allow("secretsmanager:DescribeSecret", "*", StringEquals={
                "secretsmanager:resource/AllowRotationLambdaArn": function}),
            allow("secretsmanager:GetSecretValue", "*", StringEquals={
                "secretsmanager:VersionStage": "AWSCURRENT", "secretsmanager:SecretId": arn}),
            allow("secretsmanager:ListSecretVersionIds", "*", StringEquals={"secretsmanager:ResourceTag/team": "a"}),
        )("secretsmanager")
        self.refused(secrets.describe_secret, SecretId=arn)
        client("secretsmanager").rotate_secret(SecretId=arn, RotationLambdaARN=function, RotateImmediately=False)
        self.assertEqual(secrets.describe_secret(SecretId=arn)["ARN"], arn)
        secrets.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")
        self.refused(secrets.get_secret_value, SecretId=arn, VersionId=version)
        self.refused(secrets.list_secret_version_ids, SecretId=arn)
        client("secretsmanager").tag_resource(SecretId=arn, Tags=[{"Key": "team", "Value": "a"}])
        secrets.list_secret_version_ids(SecretId=arn)

    def test_a_function_with_sams_rotation_policy_rotates_its_own_secret_only(self):
        """SAM policy template AWSSecretsManagerRotationPolicy: the four actions on `secret:*` where
        secretsmanager:resource/AllowRotationLambdaArn is the function, GetRandomPassword on `*`."""
        name = harness.unique("function")
        arn = f"arn:aws:lambda:{harness.REGION}:{harness.ACCOUNT}:function:{name}"
        role = functions.role(json.dumps([
            allow(["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
                   "secretsmanager:UpdateSecretVersionStage"], f"{PREFIX}:*",
                  StringEquals={"secretsmanager:resource/AllowRotationLambdaArn": arn}),
            allow("secretsmanager:GetRandomPassword", "*")]))
        client("lambda").create_function(
            FunctionName=name, Runtime="python3.11", Role=role, Handler="index.handler", Timeout=20,
            Code={"ZipFile": functions.zipped(index=functions.ROTATE)})
        client("lambda").add_permission(FunctionName=name, StatementId="s", Action="lambda:InvokeFunction",
                                        Principal="secretsmanager.amazonaws.com")
        secret, _ = make_secret()
        token = client("secretsmanager").rotate_secret(SecretId=secret, RotationLambdaARN=arn)["VersionId"]
        until(lambda: "AWSCURRENT" in stages(secret).get(token, ()), "the rotation finishes")

    def test_parameters_are_checked_one_by_one(self):
        """Service Authorization Reference, Systems Manager: GetParameter, GetParameters, GetParametersByPath and
        DeleteParameters have the resource type parameter, `parameter/name` without a second slash."""
        base = f"/{harness.unique('app')}"
        for name in ("/a", "/b", "/deep/c"):
            client("ssm").put_parameter(Name=base + name, Value="x", Type="SecureString")
        ssm = user(allow(["ssm:GetParameter", "ssm:GetParameters"], [f"{PARAMETERS}{base}/a", f"{PARAMETERS}{base}/b"]),
                   allow("ssm:GetParametersByPath", f"{PARAMETERS}{base}/deep"))("ssm")
        self.assertEqual(len(ssm.get_parameters(Names=[f"{base}/a", f"{base}/b:1"])["Parameters"]), 2)
        ssm.get_parameter(Name=f"{base}/a", WithDecryption=True)
        ssm.get_parameter(Name=f"{PARAMETERS}{base}/a")
        self.assertEqual(len(ssm.get_parameters_by_path(Path=f"{base}/deep/")["Parameters"]), 1)
        self.refused(ssm.get_parameters, Names=[f"{base}/a", f"{base}/deep/c"])
        self.refused(ssm.get_parameters_by_path, Path=base)
        self.refused(ssm.delete_parameters, Names=[f"{base}/a"])

    def test_a_users_arn_has_the_path_in_it(self):
        """Service Authorization Reference, IAM: the resource is `user/UserNameWithPath`, of GetAccessKeyLastUsed too."""
        iam, names = client("iam"), {}
        for path in ("/team/", "/"):
            names[path] = harness.unique("owner")
            iam.create_user(UserName=names[path], Path=path)
        inside, outside = (iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"] for name in names.values())
        keys = user(allow(["iam:ListAccessKeys", "iam:GetAccessKeyLastUsed"],
                          f"arn:aws:iam::{harness.ACCOUNT}:user/team/*"))("iam")
        self.assertEqual(len(keys.list_access_keys(UserName=names["/team/"])["AccessKeyMetadata"]), 1)
        self.assertEqual(keys.get_access_key_last_used(AccessKeyId=inside)["UserName"], names["/team/"])
        for call, arguments in ((keys.list_access_keys, {"UserName": names["/"]}),
                                (keys.get_access_key_last_used, {"AccessKeyId": outside})):
            with self.assertRaises(iam.exceptions.ClientError) as refused:
                call(**arguments)
            self.assertEqual(refused.exception.response["Error"]["Code"], "AccessDenied")

    def test_wrong_and_unknown_keys_are_refused(self):
        """API Reference, "Common Errors": InvalidSignatureException, UnrecognizedClientException."""
        iam, name = client("iam"), harness.unique("user")
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
        for access_key, code in ((key, "InvalidSignatureException"),
                                 ("AKIANOBODYKNOWSTHIS0", "UnrecognizedClientException")):
            with self.assertRaises(iam.exceptions.ClientError) as refused:
                harness.shared().client("secretsmanager", access_key, "wrong").list_secrets()
            self.assertEqual(refused.exception.response["Error"]["Code"], code)


if __name__ == "__main__":
    unittest.main()
