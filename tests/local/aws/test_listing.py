"""ListSecrets: what is listed, how it is filtered, and how it goes from page to page."""

import unittest

from botocore.exceptions import ClientError

from harness import client, make_secret, stages, unique


class Listing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.secrets = client("secretsmanager")
        cls.prefix = unique("Listed") + "/"
        cls.names = sorted(f"{cls.prefix}{number}" for number in range(5))
        for name in cls.names:
            make_secret(name=name)
        # Filters must not find these.
        make_secret(name=f"x{cls.prefix}")
        make_secret(name=f"{cls.prefix.lower()}low")

    def listed(self, *values, **more):
        answer = self.secrets.list_secrets(Filters=[{"Key": "name", "Values": list(values)}], **more)
        return answer, [entry["Name"] for entry in answer["SecretList"]]

    def refused(self, **request):
        with self.assertRaises(ClientError) as caught:
            self.secrets.list_secrets(**request)
        return caught.exception.response["Error"]["Code"]

    def test_an_entry_shows_the_labelled_versions_and_when_the_secret_changed(self):
        """botocore, SecretListEntry: SecretVersionsToStages has the versions that carry a label, and no others;
        LastChangedDate as in DescribeSecret."""
        name = f"{unique('Versions')}/db"
        arn, _ = make_secret(name=name)
        for value in ("two", "three"):
            self.secrets.put_secret_value(SecretId=arn, SecretString=value)
        answer, _ = self.listed(name)
        [entry] = answer["SecretList"]
        self.assertEqual((entry["ARN"], entry["Name"]), (arn, name))
        shown = {version: set(labels) for version, labels in entry["SecretVersionsToStages"].items()}
        self.assertEqual(shown, stages(arn))
        self.assertEqual(sorted(map(sorted, shown.values())), [["AWSCURRENT"], ["AWSPREVIOUS"]])
        self.assertEqual(entry["LastChangedDate"], self.secrets.describe_secret(SecretId=arn)["LastChangedDate"])

    def test_a_name_filter_matches_the_beginning_and_its_case(self):
        """botocore, Filter: name is a prefix match and case-sensitive; several values are alternatives; an exclamation
        mark negates."""
        self.assertEqual(sorted(self.listed(self.prefix)[1]), self.names)
        self.assertEqual(sorted(self.listed(self.names[0], self.names[1])[1]), self.names[:2])
        self.assertEqual(self.listed(self.prefix[1:])[1], [])
        self.assertNotIn(self.names[0], self.listed(f"!{self.prefix}", MaxResults=100)[1])

    def test_pages_hold_what_was_asked_for_and_every_secret_once(self):
        """botocore, ListSecrets: MaxResults 1 to 100, NextToken until there is none, InvalidNextTokenException."""
        seen, token = [], {}
        while True:
            answer, names = self.listed(self.prefix, MaxResults=2, **token)
            self.assertLessEqual(len(names), 2)
            seen += names
            if "NextToken" not in answer:
                break
            token = {"NextToken": answer["NextToken"]}
        self.assertEqual(sorted(seen), self.names)
        self.assertEqual(self.refused(NextToken="nonsense"), "InvalidNextTokenException")

    def test_a_secret_that_is_scheduled_for_deletion_is_listed_only_on_request(self):
        """botocore, ListSecrets: "not including secrets that are marked for deletion"; IncludePlannedDeletion."""
        name = f"{unique('Deleted')}/db"
        arn, _ = make_secret(name=name)
        self.secrets.delete_secret(SecretId=arn)
        self.assertEqual(self.listed(name)[1], [])
        answer, names = self.listed(name, IncludePlannedDeletion=True)
        self.assertEqual(names, [name])
        self.assertIn("DeletedDate", answer["SecretList"][0])


if __name__ == "__main__":
    unittest.main()
