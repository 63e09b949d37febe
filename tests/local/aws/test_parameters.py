"""Parameter Store: how parameters are listed, page by page and level by level."""

import unittest

from botocore.exceptions import ClientError

from harness import client, unique


class Parameters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ssm = client("ssm")
        cls.base = f"/{unique('listed')}"
        cls.names = sorted(f"{cls.base}/{name}" for name in [*map(str, range(11)), "deep/er"])
        for name in cls.names:
            cls.ssm.put_parameter(Name=name, Value="x", Type="String")
        # Its name begins so, but it is not below the path.
        cls.ssm.put_parameter(Name=f"{cls.base}-other/0", Value="x", Type="String")

    def code(self, call, **request):
        with self.assertRaises(ClientError) as caught:
            call(**request)
        return caught.exception.response["Error"]["Code"]

    def all_of(self, call, **request):
        seen, sizes = [], []
        while True:
            page = call(**request)
            seen += [parameter["Name"] for parameter in page["Parameters"]]
            sizes.append(len(page["Parameters"]))
            if "NextToken" not in page:
                return sorted(seen), sizes
            request["NextToken"] = page["NextToken"]

    def test_a_path_is_listed_in_pages_of_ten_at_most(self):
        """botocore, GetParametersByPath: Path "Hierarchies start with a forward slash", Recursive,
        GetParametersByPathMaxResults max 10, NextToken."""
        call = self.ssm.get_parameters_by_path
        seen, sizes = self.all_of(call, Path=self.base, Recursive=True, MaxResults=10)
        self.assertEqual((seen, sizes), (self.names, [10, 2]))
        self.assertNotIn(f"{self.base}/deep/er", self.all_of(call, Path=self.base)[0])
        self.assertEqual(self.code(call, Path=self.base, MaxResults=11), "ValidationException")
        self.assertEqual(self.code(call, Path=self.base[1:]), "ValidationException")

    def test_a_description_is_filtered_by_path_one_level_or_all(self):
        """botocore, ParameterStringFilter: "For filters using the key Path, valid options include Recursive and
        OneLevel"; User Guide, "Searching for Systems Manager parameters"; MaxResults max 50. Version and
        LastModifiedDate are those of GetParameter."""
        def below(option):
            filters = [{"Key": "Path", "Option": option, "Values": [self.base]}]
            return self.all_of(self.ssm.describe_parameters, ParameterFilters=filters, MaxResults=5)
        self.assertEqual(below("Recursive"), (self.names, [5, 5, 2]))
        self.assertNotIn(f"{self.base}/deep/er", below("OneLevel")[0])
        self.assertEqual(self.code(self.ssm.describe_parameters, MaxResults=51), "ValidationException")
        one = [{"Key": "Name", "Option": "Equals", "Values": [self.names[0]]}]
        [described] = self.ssm.describe_parameters(ParameterFilters=one)["Parameters"]
        got = self.ssm.get_parameter(Name=self.names[0])["Parameter"]
        for field in ("ARN", "Version", "LastModifiedDate"):
            self.assertEqual(described[field], got[field])

    def test_ten_names_at_a_time(self):
        """botocore, ParameterNameList max 10; GetParameters: InvalidParameters are those that are not there."""
        answer = self.ssm.get_parameters(Names=[*self.names[:9], f"{self.base}/none"])
        self.assertEqual((len(answer["Parameters"]), answer["InvalidParameters"]), (9, [f"{self.base}/none"]))
        self.assertEqual(self.code(self.ssm.get_parameters, Names=self.names[:11]), "ValidationException")

    def test_tags_belong_to_the_parameter(self):
        """botocore, ListTagsForResource: ResourceType Parameter, ResourceId its name; InvalidResourceId."""
        tags = [{"Key": "team", "Value": "<a>"}]
        self.ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=self.names[0], Tags=tags)
        listed = self.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=self.names[0])
        self.assertEqual(listed["TagList"], tags)
        refused = self.code(self.ssm.list_tags_for_resource, ResourceType="Parameter", ResourceId=f"{self.base}/none")
        self.assertEqual(refused, "InvalidResourceId")


if __name__ == "__main__":
    unittest.main()
