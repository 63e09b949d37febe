"""IAM access keys: no more than two for a user, as in AWS, and, as AWS has not, with an id that the caller chooses.

CreateAccessKey with AccessKeyId and SecretAccessKey makes exactly that key, because manifests that name keys are to
work as they are; without them it is AWS's call.
"""

import re

from ministack.services import iam

import hooks

_KEYS_PER_USER = 2


def install():
    for name in ("_access_keys", "_error", "_p"):
        hooks.take(iam, name)
    handlers = hooks.take(iam, "_IAM_HANDLERS")
    original = handlers["CreateAccessKey"]

    def create_access_key(parameters):
        user = iam._p(parameters, "UserName")
        if sum(record["UserName"] == user for record in iam._access_keys.values()) >= _KEYS_PER_USER:
            return iam._error(409, "LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {_KEYS_PER_USER}")
        status, headers, body = original(parameters)
        key, secret = iam._p(parameters, "AccessKeyId"), iam._p(parameters, "SecretAccessKey")
        if status != 200 or not key or not secret:
            return status, headers, body
        made = re.search(rb"<AccessKeyId>(\w+)</AccessKeyId>", body)[1].decode()
        record = iam._access_keys.pop(made)
        body = body.replace(made.encode(), key.encode()).replace(record["SecretAccessKey"].encode(), secret.encode())
        iam._access_keys[key] = {**record, "AccessKeyId": key, "SecretAccessKey": secret}
        return status, headers, body

    handlers["CreateAccessKey"] = create_access_key
