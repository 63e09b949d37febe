"""BatchGetSecretValue: many values in one call, and what becomes of those that cannot be read."""

import unittest

from botocore.exceptions import ClientError

from harness import client, make_secret, unique
from test_conditions import PREFIX, allow, user


class Batches(unittest.TestCase):
    def setUp(self):
        self.secrets = client("secretsmanager")
        self.base = unique("batch")

    def refused(self, **request):
        with self.assertRaises(ClientError) as caught:
            self.secrets.batch_get_secret_value(**request)
        return caught.exception.response["Error"]["Code"]

    def test_ids_or_filters_and_at_most_twenty_ids(self):
        """botocore, BatchGetSecretValue: "You must include Filters or SecretIdList, but not both", MaxResults "you must
        also use the Filters parameter", SecretIdListType max 20."""
        name = f"{self.base}/db"
        arn, version = make_secret(name=name)
        filters = [{"Key": "name", "Values": [self.base]}]
        for request in ({"SecretIdList": [name]}, {"SecretIdList": [arn]}, {"Filters": filters}):
            [value] = self.secrets.batch_get_secret_value(**request)["SecretValues"]
            self.assertEqual((value["ARN"], value["Name"], value["VersionId"], value["SecretString"]),
                             (arn, name, version, "one"))
        self.assertEqual(self.refused(), "InvalidParameterException")
        self.assertEqual(self.refused(SecretIdList=[arn], Filters=filters), "InvalidParameterException")
        self.assertEqual(self.refused(SecretIdList=[arn], MaxResults=5), "InvalidParameterException")
        self.assertEqual(self.refused(SecretIdList=[arn] * 21), "ValidationException")

    def test_a_secret_that_cannot_be_read_is_an_error_and_spoils_no_other(self):
        """botocore, APIErrorType: SecretId, ErrorCode ("for example ResourceNotFoundException,
        InvalidParameterException, InvalidRequestException, DecryptionFailure, or AccessDeniedException"), Message;
        BatchGetSecretValue: "you must have secretsmanager:GetSecretValue for each secret"."""
        mine, theirs, gone = (f"{self.base}/{name}" for name in ("mine", "theirs", "gone"))
        arns = {name: make_secret(name=name)[0] for name in (mine, theirs, gone)}
        self.secrets.delete_secret(SecretId=gone)
        secrets = user(
            allow("secretsmanager:BatchGetSecretValue", "*"),
            allow("secretsmanager:GetSecretValue", [f"{PREFIX}:{mine}-??????", f"{PREFIX}:{gone}-??????"]),
        )("secretsmanager")
        answer = secrets.batch_get_secret_value(SecretIdList=[*arns.values(), f"{PREFIX}:{self.base}/none-AbCdEf"])
        self.assertEqual([value["Name"] for value in answer["SecretValues"]], [mine])
        errors = {error["SecretId"]: error["ErrorCode"] for error in answer["Errors"]}
        self.assertEqual(errors[arns[theirs]], "AccessDeniedException")
        self.assertEqual(errors[arns[gone]], "InvalidRequestException")
        self.assertEqual(len(errors), 3)

    def test_the_call_needs_a_permission_of_its_own(self):
        """botocore, BatchGetSecretValue: "Required permissions: secretsmanager:BatchGetSecretValue"."""
        arn, _ = make_secret(name=f"{self.base}/db")
        secrets = user(allow("secretsmanager:GetSecretValue", "*"))("secretsmanager")
        with self.assertRaises(ClientError) as caught:
            secrets.batch_get_secret_value(SecretIdList=[arn])
        self.assertEqual(caught.exception.response["Error"]["Code"], "AccessDeniedException")


if __name__ == "__main__":
    unittest.main()
