"""Parameter Store: DescribeParameters finds by tags, which MiniStack's version ignores."""

from ministack.services import ssm

import hooks


def install():
    hooks.take(ssm, "_tags")

    @hooks.wrap(ssm, "_apply_filter")
    def apply_filter(original, parameter, key, option, values):
        if not key.startswith("tag:"):
            return original(parameter, key, option, values)
        value = (ssm._tags.get(parameter["ARN"]) or {}).get(key.removeprefix("tag:"))
        # A filter without values asks only whether the tag is there.
        return value is not None and (not values or value in values)
