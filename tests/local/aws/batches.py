"""BatchGetSecretValue: what a request may ask for.

MiniStack takes any number of ids, and filters beside them. What it answers, `Errors` and the permission on each secret
included, it does as AWS does.
"""

from ministack.services import secretsmanager

import hooks
import labels

# botocore, SecretIdListType.
MOST_IDS = 20


def batch_get_secret_value(original, data, *more):
    ids, filters = data.get("SecretIdList"), data.get("Filters")
    if bool(ids) == bool(filters):
        return labels.problem(
            "InvalidParameterException", "You must include Filters or SecretIdList, but not both.")
    if ids and "MaxResults" in data:
        return labels.problem("InvalidParameterException", "To use MaxResults, you must also use Filters.")
    if ids and len(ids) > MOST_IDS:
        return labels.problem(
            "ValidationException",
            "1 validation error detected: Value at 'secretIdList' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MOST_IDS}")
    with labels.LOCK:
        return original(data, *more)


def install():
    hooks.wrap(secretsmanager, "_batch_get_secret_value")(batch_get_secret_value)
