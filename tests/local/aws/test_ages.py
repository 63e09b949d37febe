"""Sources that are made older than they are."""

import json
import unittest
import urllib.request

import harness
from harness import client


def backdate(service, target, **parameters):
    scope = f"Credential=test/20260101/{harness.REGION}/{service}/aws4_request"
    urllib.request.urlopen(urllib.request.Request(
        harness.shared().endpoint, data=json.dumps(parameters).encode(),
        headers={"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
                 "X-Amz-Target": f"{target}.Backdate", "Content-Type": "application/x-amz-json-1.1"},
    )).close()


class Ages(unittest.TestCase):
    def test_every_date_moves_back_and_nothing_else_changes(self):
        """Nothing of AWS's."""
        arn, version = harness.make_secret()
        before = client("secretsmanager").describe_secret(SecretId=arn)
        backdate("secretsmanager", "secretsmanager", SecretId=arn, Seconds=600)
        after = client("secretsmanager").describe_secret(SecretId=arn)
        for date in ("LastChangedDate", "CreatedDate"):
            self.assertEqual((before[date] - after[date]).total_seconds(), 600)
        self.assertIn(version, after["VersionIdsToStages"])

        name = harness.unique("parameter")
        client("ssm").put_parameter(Name=name, Value="x", Type="String")
        before = client("ssm").get_parameter(Name=name)["Parameter"]
        backdate("ssm", "AmazonSSM", Name=name, Seconds=600)
        after = client("ssm").get_parameter(Name=name)["Parameter"]
        self.assertEqual((before["LastModifiedDate"] - after["LastModifiedDate"]).total_seconds(), 600)
        self.assertEqual(before["Version"], after["Version"])
