"""Parameter Store: DescribeParameters finds by tags and by the levels of a path; the sizes of pages and batches;
InvalidResourceId.

MiniStack ignores tags, takes each path for a recursive one, gives as much at a time as it is asked for, and lists
no tags of a parameter that is not there.
"""

from ministack.core.responses import error_response_json
from ministack.services import ssm

import hooks

# botocore: GetParametersByPathMaxResults, MaxResults of DescribeParameters, ParameterNameList.
_MOST = {"_get_parameters_by_path": 10, "_describe_parameters": 50}
_MOST_NAMES = 10


def _refused(what, most):
    return error_response_json(
        "ValidationException",
        f"1 validation error detected: Value at '{what}' failed to satisfy constraint: "
        f"Member must be less than or equal to {most}", 400)


def _limit_pages(handler, most):
    @hooks.wrap(ssm, handler)
    def limited(original, data):
        if data.get("MaxResults", 1) > most:
            return _refused("maxResults", most)
        if not str(data.get("Path", "/")).startswith("/"):
            return error_response_json(
                "ValidationException", "The parameter doesn't meet the parameter name requirements.", 400)
        return original(data)


def list_tags_for_resource(original, data):
    is_parameter = data.get("ResourceType") == "Parameter"
    if is_parameter and ssm._lookup_parameter(data.get("ResourceId", ""), flexible_name=True)[1] is None:
        return error_response_json("InvalidResourceId", "The resource ID isn't valid. Verify that you entered it.", 400)
    return original(data)


def _is_below(name, path, recursive):
    rest = name.removeprefix(path.rstrip("/") + "/")
    return rest != name and (recursive or "/" not in rest)


def install():
    hooks.take(ssm, "_tags")

    @hooks.wrap(ssm, "_apply_filter")
    def apply_filter(original, parameter, key, option, values):
        if key == "Path":
            # OneLevel unless told otherwise.
            return any(_is_below(parameter["Name"], path, option == "Recursive") for path in values)
        if not key.startswith("tag:"):
            return original(parameter, key, option, values)
        value = (ssm._tags.get(parameter["ARN"]) or {}).get(key.removeprefix("tag:"))
        # A filter without values asks only whether the tag is there.
        return value is not None and (not values or value in values)

    hooks.take(ssm, "_lookup_parameter")
    hooks.wrap(ssm, "_list_tags_for_resource")(list_tags_for_resource)
    for handler, most in _MOST.items():
        _limit_pages(handler, most)

    @hooks.wrap(ssm, "_get_parameters")
    def get_parameters(original, data):
        if len(data.get("Names", [])) > _MOST_NAMES:
            return _refused("names", _MOST_NAMES)
        return original(data)
