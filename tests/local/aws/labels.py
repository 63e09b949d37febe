"""Versions and staging labels of one secret, the way Secrets Manager keeps them.

Here is the only place that moves a label for the launcher's own handlers: a label sits on at most one version,
AWSPREVIOUS follows AWSCURRENT, a version that lost its last label stays readable by its id, and every label but
AWSPENDING and AWSPREVIOUS sends `Secret Label Updated`. One lock guards all changes; it is never held while a Lambda
runs, because the Lambda calls back.
"""

import threading

from ministack.core.responses import error_response_json
from ministack.services import secretsmanager

import clock
import hooks

LOCK = threading.RLock()
SILENT = ("AWSPENDING", "AWSPREVIOUS")


def problem(code, message):
    return error_response_json(code, message, 400)


def find(secret_id):
    """(record, None), or (None, answer) when the secret cannot be used: the refusals all writes share."""
    _, secret = secretsmanager._resolve(secret_id)
    if not secret:
        return None, problem("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    if secret.get("DeletedDate"):
        return None, problem(
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
        )
    if secretsmanager._is_replica(secret):
        return None, secretsmanager._replica_mutation_error()
    return secret, None


def _means(secret_id, arn):
    """Whether an ARN, complete or without the hyphen and six characters at its end, means this secret."""
    return secret_id == arn or (arn[:-7] == secret_id and arn[-7] == "-")


def token_problem(token):
    """The answer to a ClientRequestToken that is not 32 to 64 characters long, else None."""
    if token is None or 32 <= len(token) <= 64:
        return None
    return problem("InvalidParameterException", "ClientRequestToken must be 32-64 characters long.")


def holder(secret, label):
    """The id of the version with this label, or None."""
    return secretsmanager._find_stage_version(secret, label)[0]


def has_value(version):
    return version.get("SecretString") is not None or version.get("SecretBinary") is not None


def new_version(secret, version_id, string=None, binary=None):
    """Adds a version without labels; both values None make the empty version of a rotation that just began."""
    secret["Versions"][version_id] = {
        "SecretString": string, "SecretBinary": binary, "CreatedDate": clock.now(), "Stages": [],
    }


def attach(secret, label, version_id):
    """Moves a label to a version, AWSPREVIOUS after AWSCURRENT included, and sends the event."""
    before = holder(secret, label)
    if before == version_id:
        return
    secretsmanager._remove_stage_everywhere(secret, label)
    if label == "AWSCURRENT":
        # The new current version loses AWSPREVIOUS even when nothing held AWSCURRENT before.
        secretsmanager._remove_stage(secret, version_id, "AWSPREVIOUS")
        if before is not None:
            secretsmanager._remove_stage_everywhere(secret, "AWSPREVIOUS")
            secretsmanager._add_stage(secret, before, "AWSPREVIOUS")
    secretsmanager._add_stage(secret, version_id, label)
    if label not in SILENT:
        secretsmanager._emit_secret_label_updated(secret, label, version_id)


def changed(secret):
    """To be called after any change: replicas follow, LastChangedDate moves."""
    secretsmanager._sync_replicas(secret)


def install():
    for name in (
        "_secrets", "_is_replica", "_replica_mutation_error", "_find_stage_version", "_remove_stage",
        "_remove_stage_everywhere", "_add_stage", "_emit_secret_label_updated",
    ):
        hooks.take(secretsmanager, name)

    hooks.take(secretsmanager, "_secret_scope_from_arn")

    @hooks.wrap(secretsmanager, "_resolve")
    def resolve(original, secret_id, **options):
        key, secret = original(secret_id, **options)
        if secret is None or not secret_id.startswith("arn:") or _means(secret_id, secret["ARN"]):
            return key, secret
        # MiniStack took the first ARN with this prefix, which may be `db2` for `db`.
        scope, _ = secretsmanager._secret_scope_from_arn(secret_id)
        for key, secret in secretsmanager._secrets.items_scoped(scope.account_id, scope.region):
            if _means(secret_id, secret["ARN"]):
                return key, secret
        return None, None

    @hooks.wrap(secretsmanager, "_sync_replicas")
    def stamp(original, secret):
        # Every change ends here; MiniStack's own stamp has whole seconds only.
        secret["LastChangedDate"] = clock.now()
        return original(secret)
