"""Access keys: two for a user, and those that a manifest names, which work, but only with their secret."""

import unittest
import urllib.parse
import urllib.request

import harness
from harness import client
from test_conditions import allow, user


def create_chosen_key(**parameters):
    """CreateAccessKey with what no SDK can send."""
    scope = f"Credential=test/20260101/{harness.REGION}/iam/aws4_request"
    urllib.request.urlopen(urllib.request.Request(
        harness.shared().endpoint,
        data=urllib.parse.urlencode({"Action": "CreateAccessKey", "Version": "2010-05-08", **parameters}).encode(),
        headers={"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
                 "Content-Type": "application/x-www-form-urlencoded"},
    )).close()


class ChosenKeys(unittest.TestCase):
    def test_a_chosen_key_is_that_users(self):
        """Nothing of AWS's: there, keys cannot be chosen."""
        iam, name = client("iam"), harness.unique("chosen")
        iam.create_user(UserName=name)
        chosen = {"AccessKeyId": f"AKIA{name.replace('-', '').upper()}", "SecretAccessKey": "example"}
        create_chosen_key(UserName=name, **chosen)
        sts = harness.shared().client("sts", *chosen.values())
        self.assertTrue(sts.get_caller_identity()["Arn"].endswith(f":user/{name}"))
        wrong = harness.shared().client("sts", chosen["AccessKeyId"], "other")
        with self.assertRaises(sts.exceptions.ClientError):
            wrong.get_caller_identity()

    def test_other_keys_are_aws_s(self):
        """API reference, CreateAccessKey: the response alone holds the secret access key."""
        self.assertEqual(user(allow("sts:GetCallerIdentity", "*"))("sts").get_caller_identity()["Account"], harness.ACCOUNT)
