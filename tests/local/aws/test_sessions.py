"""STS with AUTH=true: who may assume which role, and what the session may do then."""

import base64
import json
import time
import unittest

from botocore.exceptions import ClientError

import harness
from harness import client, unique

ACCOUNT = harness.ACCOUNT


def trust(principal, action="sts:AssumeRole", **conditions):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    return {"Version": "2012-10-17", "Statement": [{**statement, "Condition": conditions} if conditions else statement]}


def role(document, *statements):
    """ARN of a new role with this trust policy and an inline policy of these statements."""
    name = unique("role")
    arn = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    if statements:
        client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": list(statements)}))
    return arn


def user(actions=("sts:AssumeRole", "sts:TagSession")):
    """ARN and keys of a new user who may do this with any role that lets it."""
    iam, name = client("iam"), unique("user")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {**ASSUME, "Action": list(actions)}]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return arn, (key["AccessKeyId"], key["SecretAccessKey"])


ASSUME = {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": "*"}


def sts(*keys):
    import boto3
    return boto3.client("sts", region_name=harness.REGION, endpoint_url=harness.shared().endpoint,
                        aws_access_key_id=keys[0], aws_secret_access_key=keys[1],
                        aws_session_token=keys[2] if len(keys) > 2 else None)


def keys(answer):
    made = answer["Credentials"]
    return made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]


def token(issuer, subject="system:serviceaccount:shop:reader", audience="sts.amazonaws.com", life=600):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    claims = {"iss": issuer, "sub": subject, "aud": [audience], "exp": int(time.time()) + life}
    return ".".join([part({"alg": "RS256"}), part(claims), "c2ln"])


class Sessions(unittest.TestCase):
    def refused(self, call, **arguments):
        with self.assertRaises(ClientError) as refused:
            call(**{"RoleSessionName": "test", **arguments})
        return refused.exception.response["Error"]["Code"]

    def test_an_external_id_that_the_trust_policy_asks_for(self):
        """IAM User Guide, "Access to AWS accounts owned by third parties": condition sts:ExternalId."""
        caller, own = user()
        arn = role(trust({"AWS": caller}, StringEquals={"sts:ExternalId": "x-1"}))
        assume = sts(*own).assume_role
        self.assertEqual(self.refused(assume, RoleArn=arn), "AccessDenied")
        self.assertEqual(self.refused(assume, RoleArn=arn, ExternalId="x-2"), "AccessDenied")
        assume(RoleArn=arn, RoleSessionName="test", ExternalId="x-1")

    def test_session_tags_need_tag_session_and_meet_conditions(self):
        """IAM User Guide, "Pass session tags in AWS STS", Permissions required: the trust policy and the caller's own
        have to allow sts:TagSession; condition aws:RequestTag."""
        caller, own = user()
        assume, tags = sts(*own).assume_role, [{"Key": "team", "Value": "a"}]
        plain = role(trust({"AWS": caller}))
        self.assertEqual(self.refused(assume, RoleArn=plain, Tags=tags), "AccessDenied")
        arn = role(trust({"AWS": caller}, ["sts:AssumeRole", "sts:TagSession"],
                         StringEquals={"aws:RequestTag/team": "a"}))
        self.assertEqual(self.refused(assume, RoleArn=arn), "AccessDenied")
        self.assertEqual(self.refused(assume, RoleArn=arn, Tags=[{"Key": "team", "Value": "b"}]), "AccessDenied")
        assume(RoleArn=arn, RoleSessionName="test", Tags=tags)
        other, own = user(["sts:AssumeRole"])
        arn = role(trust({"AWS": other}, ["sts:AssumeRole", "sts:TagSession"]))
        self.assertEqual(self.refused(sts(*own).assume_role, RoleArn=arn, Tags=tags), "AccessDenied")
        sts(*own).assume_role(RoleArn=arn, RoleSessionName="test")

    def test_a_chained_role_is_assumed_as_the_first_role_and_inherits_transitive_tags(self):
        """IAM User Guide, "IAM roles: role chaining" and "Chaining roles with session tags": transitive tags stay for
        the whole chain, and count as aws:PrincipalTag; a session of a chain lasts an hour at most (STS API Reference,
        AssumeRole, DurationSeconds)."""
        caller, own = user()
        tagging = ["sts:AssumeRole", "sts:TagSession"]
        hub = role(trust({"AWS": caller}, tagging), ASSUME)
        middle = role(trust({"AWS": hub}), ASSUME)
        last = role(trust({"AWS": middle}, StringEquals={"aws:PrincipalTag/team": "a"}))
        tags = [{"Key": "team", "Value": "a"}]
        self.assertEqual(self.refused(sts(*own).assume_role, RoleArn=middle), "AccessDenied")
        for transitive, passes in (([], False), (["team"], True)):
            first = keys(sts(*own).assume_role(RoleArn=hub, RoleSessionName="test", Tags=tags, TransitiveTagKeys=transitive))
            self.assertEqual(self.refused(sts(*first).assume_role, RoleArn=middle, DurationSeconds=3601), "ValidationError")
            second = keys(sts(*first).assume_role(RoleArn=middle, RoleSessionName="test"))
            if passes:
                sts(*second).assume_role(RoleArn=last, RoleSessionName="test")
            else:
                self.assertEqual(self.refused(sts(*second).assume_role, RoleArn=last), "AccessDenied")

    def test_a_session_may_do_what_its_role_may(self):
        """IAM User Guide, "Policy evaluation logic": a session has the permissions of its role."""
        caller, own = user()
        secret, _ = harness.make_secret()
        reader = role(trust({"AWS": caller}), {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
                                               "Resource": secret})
        import boto3
        id, key, session = keys(sts(*own).assume_role(RoleArn=reader, RoleSessionName="test"))
        secrets = boto3.client("secretsmanager", region_name=harness.REGION, endpoint_url=harness.shared().endpoint,
                               aws_access_key_id=id, aws_secret_access_key=key, aws_session_token=session)
        secrets.get_secret_value(SecretId=secret)
        with self.assertRaises(ClientError):
            secrets.describe_secret(SecretId=secret)

    def test_a_web_identity_needs_provider_audience_subject_and_time(self):
        """STS API Reference, AssumeRoleWithWebIdentity, Errors: InvalidIdentityToken, ExpiredTokenException; EKS User
        Guide, "IAM roles for service accounts": conditions on `<issuer>:sub` and `<issuer>:aud`; IAM User Guide, "Create
        an OpenID Connect identity provider": the audience is a client id of the provider."""
        host = f"{unique('oidc')}.example"
        issuer = f"https://{host}"
        provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}"
        arn = role(trust({"Federated": provider}, "sts:AssumeRoleWithWebIdentity", StringEquals={
            f"{host}:sub": "system:serviceaccount:shop:reader", f"{host}:aud": "sts.amazonaws.com"}))
        assume = client("sts").assume_role_with_web_identity
        def refused(presented):
            return self.refused(assume, RoleArn=arn, WebIdentityToken=presented)
        self.assertEqual(refused(token(issuer)), "InvalidIdentityToken")
        client("iam").create_open_id_connect_provider(Url=issuer, ClientIDList=["sts.amazonaws.com", "other"])
        assume(RoleArn=arn, RoleSessionName="test", WebIdentityToken=token(issuer))
        for presented, code in (
                (token(issuer, subject="system:serviceaccount:shop:other"), "AccessDenied"),
                (token(issuer, audience="other"), "AccessDenied"),
                (token(issuer, audience="unknown"), "InvalidIdentityToken"),
                (token(issuer, life=-1), "ExpiredTokenException"),
                ("opaque", "InvalidIdentityToken")):
            self.assertEqual(refused(presented), code)

    def test_a_session_name_has_its_alphabet(self):
        """STS API Reference, AssumeRole, RoleSessionName: 2 to 64 of [\\w+=,.@-]."""
        caller, own = user()
        arn = role(trust({"AWS": caller}))
        for name in ("a b", "a/b", "ä-ä"):
            self.assertEqual(self.refused(sts(*own).assume_role, RoleArn=arn, RoleSessionName=name), "ValidationError")


if __name__ == "__main__":
    unittest.main()
