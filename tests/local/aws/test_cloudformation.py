"""CloudFormation: the resources of infra/template.yaml that MiniStack lacks or has otherwise than AWS."""

import json
import unittest

import functions
import harness
from harness import client, stages, until


def secret(**properties):
    return {"Type": "AWS::SecretsManager::Secret", "Properties": properties}


def schedule(secret_id, function, **more):
    return {"Type": "AWS::SecretsManager::RotationSchedule", "Properties": {
        "SecretId": secret_id, "RotationLambdaARN": function,
        "RotationRules": {"AutomaticallyAfterDays": "30"}, **more}}


class Stacks(unittest.TestCase):
    def setUp(self):
        self.name = harness.unique("stack")
        self.formation = client("cloudformation")

    def deploy(self, resources, outputs=None, update=False):
        """(final status, {output: value}) of a stack with these resources."""
        body = json.dumps({"Resources": resources, "Outputs": {
            name: {"Value": value} for name, value in (outputs or {}).items()}})
        act = self.formation.update_stack if update else self.formation.create_stack
        act(StackName=self.name, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
        return self.wait()

    def wait(self):
        def ended():
            [stack] = self.formation.describe_stacks(StackName=self.name)["Stacks"]
            return stack if not stack["StackStatus"].endswith("IN_PROGRESS") else None
        stack = until(ended, "the stack settles")
        return stack["StackStatus"], {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def test_ref_of_a_secret_is_its_arn_and_its_value_is_generated(self):
        """CloudFormation Template Reference, AWS::SecretsManager::Secret, "Return values": Ref "returns the ARN of the
        secret"; GenerateSecretString: RequireEachIncludedType, ExcludePunctuation, SecretStringTemplate."""
        name = harness.unique("secret")
        resources = {"S": secret(Name=name, GenerateSecretString={
            "PasswordLength": "40", "ExcludePunctuation": "true", "GenerateStringKey": "password",
            "SecretStringTemplate": '{"username": "app"}'}), "Empty": secret()}
        status, outputs = self.deploy(resources, {"Arn": {"Ref": "S"}, "Empty": {"Ref": "Empty"}})
        self.assertEqual(status, "CREATE_COMPLETE")
        self.assertRegex(outputs["Arn"], f"^arn:aws:secretsmanager:.*:secret:{name}-.{{6}}$")
        value = json.loads(client("secretsmanager").get_secret_value(SecretId=outputs["Arn"])["SecretString"])
        self.assertEqual(value["username"], "app")
        self.assertRegex(value["password"], "^[a-zA-Z0-9]{40}$")
        self.assertEqual(stages(outputs["Empty"]), {})
        resources["S"]["Properties"]["Description"] = "changed"
        status, updated = self.deploy(resources, {"Arn": {"Ref": "S"}}, update=True)
        self.assertEqual((status, updated["Arn"]), ("UPDATE_COMPLETE", outputs["Arn"]))
        self.assertEqual(client("secretsmanager").describe_secret(SecretId=name)["Description"], "changed")
        self.formation.delete_stack(StackName=self.name)
        until(lambda: name not in [known["Name"] for known in client("secretsmanager").list_secrets()["SecretList"]],
              "the secret goes with its stack")

    def test_a_rotation_schedule_rotates_at_once_unless_told_otherwise(self):
        """CloudFormation Template Reference, AWS::SecretsManager::RotationSchedule: RotateImmediatelyOnUpdate is true
        by default; Ref "returns the ARN of the secret"; deleting it turns rotation off."""
        function = functions.rotator()
        resources = {"Now": secret(SecretString="a"), "Later": secret(SecretString="b"),
                     "NowSchedule": schedule({"Ref": "Now"}, function),
                     "LaterSchedule": schedule({"Ref": "Later"}, function, RotateImmediatelyOnUpdate="false")}
        status, outputs = self.deploy(resources, {"Now": {"Ref": "NowSchedule"}, "Later": {"Ref": "LaterSchedule"}})
        self.assertEqual(status, "CREATE_COMPLETE")
        until(lambda: len(stages(outputs["Now"])) == 2, "the first secret rotates")
        secrets = client("secretsmanager")
        described = secrets.describe_secret(SecretId=outputs["Later"])
        self.assertTrue(described["RotationEnabled"])
        self.assertEqual(described["RotationRules"], {"AutomaticallyAfterDays": 30})
        until(lambda: len(stages(outputs["Later"])) == 1, "the test of the second one ends")
        self.assertEqual(secrets.get_secret_value(SecretId=outputs["Later"])["SecretString"], "b")
        del resources["LaterSchedule"]
        status, _ = self.deploy(resources, update=True)
        self.assertEqual(status, "UPDATE_COMPLETE")
        self.assertFalse(secrets.describe_secret(SecretId=outputs["Later"])["RotationEnabled"])

    def test_a_schedule_whose_function_may_not_be_invoked_rolls_the_stack_back(self):
        """CloudFormation User Guide, "Stack failure options": a resource that fails rolls the stack back. This is the
        stack whose RotationSchedule lacks DependsOn on the AWS::Lambda::Permission."""
        name = harness.unique("secret")
        function = functions.make_function(functions.ROTATE, permitted=())
        status, _ = self.deploy({"S": secret(Name=name, SecretString="a"), "R": schedule({"Ref": "S"}, function)})
        self.assertEqual(status, "ROLLBACK_COMPLETE")
        events = self.formation.describe_stack_events(StackName=self.name)["StackEvents"]
        [reason] = [event["ResourceStatusReason"] for event in events
                    if event["LogicalResourceId"] == "R" and event["ResourceStatus"] == "CREATE_FAILED"]
        self.assertIn("AccessDeniedException", reason)
        with self.assertRaises(client("secretsmanager").exceptions.ResourceNotFoundException):
            client("secretsmanager").describe_secret(SecretId=name)

    def test_a_name_that_is_taken_fails(self):
        """CreateSecret: ResourceExistsException; a stack never takes over what it did not create."""
        arn, _ = harness.make_secret(name=(name := harness.unique("secret")))
        status, _ = self.deploy({"S": secret(Name=name, SecretString="mine")})
        self.assertEqual(status, "ROLLBACK_COMPLETE")
        self.assertEqual(client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"], "one")

    def test_rule_queue_policy_dead_letter_queue_parameter_and_managed_policy_work_together(self):
        """CloudFormation Template Reference: AWS::Events::Rule (EventPattern, ScheduleExpression, DeadLetterConfig),
        AWS::SQS::QueuePolicy, AWS::SSM::Parameter, AWS::IAM::ManagedPolicy."""
        parameter, policy = harness.unique("p"), harness.unique("policy")
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
        source = {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]}}}
        status, outputs = self.deploy({
            "Q": {"Type": "AWS::SQS::Queue"}, "Dead": {"Type": "AWS::SQS::Queue"},
            "Closed": {"Type": "AWS::SQS::Queue"},
            "P": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": parameter, "Type": "String", "Value": "x"}},
            "Rule": {"Type": "AWS::Events::Rule", "Properties": {
                "EventPattern": {"source": ["aws.ssm"], "detail": {"name": [parameter], "operation": ["Update"]}},
                "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Q", "Arn"]}},
                            {"Id": "c", "Arn": {"Fn::GetAtt": ["Closed", "Arn"]},
                             "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Dead", "Arn"]}}}]}},
            "Clock": {"Type": "AWS::Events::Rule", "Properties": {
                "ScheduleExpression": "rate(1 hour)", "State": "DISABLED",
                "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Q", "Arn"]}}]}},
            "QP": {"Type": "AWS::SQS::QueuePolicy", "Properties": {
                "Queues": [{"Ref": "Q"}, {"Ref": "Dead"}], "PolicyDocument": {"Statement": [
                    {**allow, "Resource": "*", "Condition": source}]}}},
            "M": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"ManagedPolicyName": policy, "PolicyDocument": {
                "Version": "2012-10-17", "Statement": [{
                    "Effect": "Allow", "Action": "sqs:ReceiveMessage", "Resource": {"Fn::GetAtt": ["Q", "Arn"]}}]}}},
        }, {"Q": {"Ref": "Q"}, "Dead": {"Ref": "Dead"}, "Policy": {"Ref": "M"}})
        self.assertEqual(status, "CREATE_COMPLETE")
        client("ssm").put_parameter(Name=parameter, Value="y", Overwrite=True)
        iam = client("iam")
        iam.create_user(UserName=policy)
        iam.attach_user_policy(UserName=policy, PolicyArn=outputs["Policy"])
        key = iam.create_access_key(UserName=policy)["AccessKey"]
        queues = harness.shared().client("sqs", key["AccessKeyId"], key["SecretAccessKey"])
        [message] = queues.receive_message(QueueUrl=outputs["Q"])["Messages"]
        self.assertEqual(json.loads(message["Body"])["detail"]["operation"], "Update")
        with self.assertRaises(queues.exceptions.ClientError):
            queues.receive_message(QueueUrl=outputs["Dead"])
        [dead] = client("sqs").receive_message(QueueUrl=outputs["Dead"], MessageAttributeNames=["All"])["Messages"]
        self.assertEqual(dead["MessageAttributes"]["ERROR_CODE"]["StringValue"], "NO_PERMISSIONS")

    def test_a_condition_may_join_a_list(self):
        """Condition functions: "You can use the following functions in Fn::Equals: ... Fn::Join ... Ref"."""
        stack = harness.unique("joins")
        empty = {"Fn::Equals": [{"Fn::Join": ["", {"Ref": "Names"}]}, ""]}
        template = {
            "Parameters": {"Names": {"Type": "CommaDelimitedList", "Default": ""}},
            "Conditions": {"Empty": empty, "Some": {"Fn::Not": [empty]}},
            "Resources": {"Always": {"Type": "AWS::SQS::Queue"},
                          "Extra": {"Type": "AWS::SQS::Queue", "Condition": "Some"}},
            "Outputs": {"No": {"Condition": "Empty", "Value": "x"}, "Yes": {"Condition": "Some", "Value": "x"}},
        }
        formation = client("cloudformation")

        def outputs():
            [described] = formation.describe_stacks(StackName=stack)["Stacks"]
            return [one["OutputKey"] for one in described.get("Outputs", [])]

        formation.create_stack(StackName=stack, TemplateBody=json.dumps(template))
        harness.until(outputs, "the stack has outputs")
        self.assertEqual(outputs(), ["No"])
        formation.update_stack(StackName=stack, TemplateBody=json.dumps(template),
                               Parameters=[{"ParameterKey": "Names", "ParameterValue": "a,b"}])
        harness.until(lambda: outputs() == ["Yes"], "the condition has changed")


if __name__ == "__main__":
    unittest.main()
