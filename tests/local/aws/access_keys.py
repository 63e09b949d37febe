"""IAM access keys that the caller chooses, which AWS has not: manifests that name keys are to work as they are.

CreateAccessKey with AccessKeyId and SecretAccessKey makes exactly that key; without them it is AWS's call.
"""

import re

from ministack.services import iam

import hooks


def install():
    hooks.take(iam, "_access_keys")
    handlers = hooks.take(iam, "_IAM_HANDLERS")
    original = handlers["CreateAccessKey"]

    def create_access_key(parameters):
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
