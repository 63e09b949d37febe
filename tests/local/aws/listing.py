"""ListSecrets: filters match from the beginning of a name, and a NextToken that is none is refused.

MiniStack finds a filter's value anywhere in the text, in any case, and takes any NextToken. What it lists, and
SecretVersionsToStages, it does as AWS does.
"""

import base64

from ministack.services import secretsmanager

import hooks
import labels


def _texts(key, secret):
    """What a filter of that key looks at; None for a key that is left to MiniStack."""
    tags = secret.get("Tags", [])
    return {
        "name": [secret["Name"]],
        "description": [secret.get("Description", "")],
        "tag-key": [tag.get("Key", "") for tag in tags],
        "tag-value": [tag.get("Value", "") for tag in tags],
        "primary-region": [secret.get("_PrimaryRegion") or ""],
    }.get(key)


def _begins(text, value, key):
    if key == "description":
        text, value = text.lower(), value.lower()
    return text.startswith(value)


def _passes(secret, key, values):
    """Any of the values will do; one with an exclamation mark before it is what must not be."""
    texts = _texts(key, secret)
    wanted = [value for value in values if not value.startswith("!")]
    refused = [value[1:] for value in values if value.startswith("!")]
    found = any(_begins(text, value, key) for text in texts for value in wanted)
    return (found or not wanted) and not any(_begins(text, value, key) for text in texts for value in refused)


def filter_secret_names(original, names, filters):
    for one in filters:
        key, values = one.get("Key", ""), one.get("Values", [])
        if not names or _texts(key, secretsmanager._secrets[names[0]]) is None:
            names = original(names, [one])
        else:
            names = [name for name in names if _passes(secretsmanager._secrets[name], key, values)]
    return names


def _is_token(token):
    try:
        return int(base64.b64decode(token, validate=True)) > 0
    except ValueError:
        return False


def list_secrets(original, data):
    token = data.get("NextToken")
    if token is not None and not _is_token(token):
        return labels.problem("InvalidNextTokenException", "The NextToken value is invalid.")
    with labels.LOCK:
        return original(data)


def install():
    hooks.take(secretsmanager, "_secrets")
    hooks.wrap(secretsmanager, "_filter_secret_names")(filter_secret_names)
    hooks.wrap(secretsmanager, "_list_secrets")(list_secrets)
