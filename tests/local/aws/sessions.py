"""STS: what stands between a caller and a role beside the policies, which MiniStack evaluates itself.

A web identity needs an OIDC provider for its issuer in the role's account, one of whose client ids is the token's
audience, and a token that has not expired. A session name has its alphabet and length. A role assumed from another role's
session lasts an hour at most, and inherits the tags that were passed as transitive. Who passes tags needs sts:TagSession
in the own policies, too; MiniStack looks for it in the role's trust policy alone. The signature of a token is not checked.
"""

import re
import time
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_region
from ministack.core.router import extract_access_key_id
from ministack.services import cognito, iam, sts

import hooks

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_ACCESS_KEY = re.compile(rb"<AccessKeyId>([^<]+)</AccessKeyId>")
_CHAINED_SECONDS = 3600
_TAG = "sts:TagSession"


def _error(code, message, status=400):
    return sts._error(status, code, message, ns="sts")


def _parameters(query_params, body):
    return {**query_params, **parse_qs((body or b"").decode("utf-8", errors="replace"))}


def _provider(issuer, role_arn):
    """The OIDC provider for an issuer in a role's account, or None."""
    host, parts = issuer.split("://", 1)[-1].rstrip("/"), role_arn.split(":")
    account = parts[4] if len(parts) > 4 else ""
    return iam._oidc_providers.get_scoped(account, None, f"arn:aws:iam::{account}:oidc-provider/{host}")


def _audiences(claims):
    audiences = claims.get("aud") or []
    return audiences if isinstance(audiences, list) else [audiences]


def _refused_token(parameters):
    """What is wrong with a web identity token, or None."""
    try:
        claims = cognito._decode_id_token_unverified(sts._p(parameters, "WebIdentityToken"))
    except (ValueError, TypeError):
        claims = None
    if not isinstance(claims, dict):
        return _error("InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you "
                                              "sent an Access Token)")
    issuer = str(claims.get("iss", ""))
    provider = _provider(issuer, sts._p(parameters, "RoleArn"))
    if provider is None:
        return _error("InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {issuer}")
    if not set(_audiences(claims)) & set(provider["ClientIDList"]):
        return _error("InvalidIdentityToken", "Incorrect token audience")
    if claims.get("exp", 0) <= time.time():
        return _error("ExpiredTokenException", "Token expired")
    return None


def _transitive(parameters):
    keys, number = [], 1
    while key := sts._p(parameters, f"TransitiveTagKeys.member.{number}"):
        keys.append(key)
        number += 1
    return keys


def _refused_chain(parameters, caller):
    """What a session may not do with a role that another caller may, or None."""
    if int(sts._p(parameters, "DurationSeconds") or 0) > _CHAINED_SECONDS:
        return _error("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles "
                                         "assumed by role chaining")
    inherited = {tag["Key"].lower() for tag in caller.get("TransitiveTags", [])}
    for tag in sts._session_tags(parameters, check=False)[0]:
        if tag["Key"].lower() in inherited:
            return _error("InvalidParameterValue",
                          f"One of the specified transitive tag keys can't be set because it conflicts with a "
                          f"transitive tag key from the calling session: {tag['Key']}")
    return None


def _refused_tags(parameters, access_key):
    """What the caller's own policies say to the tags that it passes, or None."""
    role, tags = sts._p(parameters, "RoleArn"), sts._session_tags(parameters, check=False)[0]
    if not app.AUTH or not tags:
        return None
    context = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags}
    context["aws:TagKeys"] = [tag["Key"] for tag in tags]
    denied = iam_evaluator.enforce(access_key, _TAG, "sts", get_region(), resource_arn=role, service_context=context)
    # Who has no valid credentials is told so by whoever looks at them first.
    if not isinstance(denied, iam_evaluator.EvalResult):
        return None
    explicit = denied.decision == "Deny"
    return _error("AccessDenied", iam_actions.identity_denial_message(_TAG, denied.principal_arn, role, explicit), 403)


def _inherit(parameters, caller, answer):
    """Gives the new session the tags that the caller's session passes on, and notes those that it will pass on."""
    session = sts._sessions[_ACCESS_KEY.search(answer).group(1).decode()]
    own, inherited = session.get("SessionTags") or [], caller.get("TransitiveTags", [])
    passed_on = {key.lower() for key in _transitive(parameters)}
    session["SessionTags"] = own + inherited
    session["TransitiveTags"] = inherited + [tag for tag in own if tag["Key"].lower() in passed_on]


def install():
    for name in ("_error", "_p", "_sessions", "_session_tags"):
        hooks.take(sts, name)
    hooks.take(iam, "_oidc_providers")
    hooks.take(cognito, "_decode_id_token_unverified")
    hooks.take(iam_actions, "identity_denial_message")
    for name in ("EvalResult", "enforce"):
        hooks.take(iam_evaluator, name)

    @hooks.wrap(sts, "_web_identity_principal")
    def web_identity_principal(original, token, provider_id, role_arn):
        principal, keys = original(token, provider_id, role_arn)
        claims = cognito._decode_id_token_unverified(token)
        provider = _provider(str(claims.get("iss", "")), role_arn)
        # The key has one value, also where the claim is a list, as it is in Kubernetes' tokens.
        for key in [key for key in keys if key.endswith(":aud")]:
            keys[key] = next(one for one in _audiences(claims) if one in provider["ClientIDList"])
        return principal, keys

    @hooks.wrap(sts, "handle_request")
    async def handle_request(original, method, path, headers, body, query_params):
        parameters = _parameters(query_params, body)
        action = sts._p(parameters, "Action")
        if action not in ("AssumeRole", "AssumeRoleWithWebIdentity"):
            return await original(method, path, headers, body, query_params)
        name = sts._p(parameters, "RoleSessionName")
        if not _SESSION_NAME.fullmatch(name or ""):
            return _error("ValidationError", "1 validation error detected: Value at 'roleSessionName' failed to satisfy "
                                             "constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*")
        if action == "AssumeRoleWithWebIdentity":
            return _refused_token(parameters) or await original(method, path, headers, body, query_params)
        access_key = extract_access_key_id(headers, query_params) or ""
        refused = _refused_tags(parameters, access_key)
        if refused:
            return refused
        caller = sts._sessions.get(access_key, {})
        if caller.get("PrincipalType") == "AssumedRole":
            refused = _refused_chain(parameters, caller)
            if refused:
                return refused
        answer = await original(method, path, headers, body, query_params)
        if answer[0] == 200:
            _inherit(parameters, caller, answer[2])
        return answer
