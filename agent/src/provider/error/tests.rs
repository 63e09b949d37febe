use std::sync::Arc;

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use rekey_core::identity::Region;
use rekey_core::store::AccessKeys;

use super::*;
use crate::provider::attempt::For;

const ACTION: &str = "secretsmanager:GetSecretValue";

fn problem(code: Option<&str>, message: &str, status: u16, identity: &Identity) -> ReadProblem {
    let mut metadata = ErrorMetadata::builder().message(message);
    if let Some(code) = code {
        metadata = metadata.code(code);
    }
    let raw = HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::empty());
    let error = SdkError::service_error(GetSecretValueError::generic(metadata.build()), raw);
    classify(identity, &error)
}

fn classify(identity: &Identity, error: &SdkError<GetSecretValueError, HttpResponse>) -> ReadProblem {
    let region = Region::parse("eu-west-1").expect("a region");
    let call = Call { action: ACTION, identity, region: &region, reason: For::Sync };
    ReadProblem::from_sdk(call, error)
}

/// What aws-config says when EKS Pod Identity refuses or fails; the HTTP status follows.
const POD_IDENTITY: &str = "Non-success status from HTTP credential provider: StatusCode(";

fn kind(problem: &ReadProblem) -> &'static str {
    match problem {
        ReadProblem::NotFound { .. } => "missing",
        ReadProblem::Denied { .. } => "denied",
        ReadProblem::Rejected { .. } => "rejected",
        ReadProblem::TooBroad { .. } => "too broad",
        ReadProblem::Throttled { .. } => "throttled",
        ReadProblem::Unavailable { .. } => "unavailable",
        ReadProblem::NoCredentials { transient: true, .. } => "credentials, for the moment",
        ReadProblem::NoCredentials { .. } => "credentials",
        ReadProblem::KeysUnavailable { .. } => "keys",
        ReadProblem::BadCredentials { transient: true, .. } => "expired",
        ReadProblem::BadCredentials { .. } => "unknown",
    }
}

#[test]
fn aws_codes_and_statuses_are_told_apart() {
    let keys = Identity::AccessKeys(Arc::<AccessKeys>::default());
    for (code, message, status, own, with_keys) in [
        (Some("ResourceNotFoundException"), "can't find it", 400, "missing", "missing"),
        (Some("ParameterNotFound"), "", 400, "missing", "missing"),
        (Some("ParameterVersionNotFound"), "", 400, "rejected", "rejected"),
        (Some("InvalidRequestException"), "because it was marked for deletion.", 400, "missing", "missing"),
        (Some("InvalidRequestException"), "something else", 400, "rejected", "rejected"),
        (Some("AccessDeniedException"), "User x is not authorized", 400, "denied", "denied"),
        (Some("AccessDeniedException"), "User x is not authorized", 403, "denied", "denied"),
        (Some("ThrottlingException"), "Rate exceeded", 400, "throttled", "throttled"),
        (Some("ThrottlingException"), "Rate exceeded", 503, "throttled", "throttled"),
        (None, "", 429, "throttled", "throttled"),
        (Some("SomethingNew"), "", 429, "throttled", "throttled"),
        (Some("InternalServiceError"), "", 500, "unavailable", "unavailable"),
        (Some("InternalServerError"), "", 400, "unavailable", "unavailable"),
        (None, "", 500, "unavailable", "unavailable"),
        (None, "<html>", 502, "unavailable", "unavailable"),
        (Some("SomethingNew"), "", 503, "unavailable", "unavailable"),
        (Some("SomethingNew"), "", 400, "rejected", "rejected"),
        (None, "", 403, "rejected", "rejected"),
        (Some("DecryptionFailure"), "KMS", 400, "rejected", "rejected"),
        (Some("ValidationException"), "bad name", 400, "rejected", "rejected"),
        (Some("UnrecognizedClientException"), "The security token is invalid", 400, "unknown", "unknown"),
        (Some("InvalidSignatureException"), "does not match", 400, "unknown", "unknown"),
        (
            Some("InvalidSignatureException"),
            "Signature expired: 1 is now earlier than 2",
            400,
            "unavailable",
            "unavailable",
        ),
        (Some("InvalidSignatureException"), "Signature not yet current: 2", 400, "unavailable", "unavailable"),
        (Some("RequestTimeTooSkewed"), "", 403, "unavailable", "unavailable"),
        (Some("ExpiredTokenException"), "The security token is expired", 400, "expired", "unknown"),
        (Some("ExpiredToken"), "", 403, "expired", "unknown"),
    ] {
        let place = format!("{code:?} {message:?} {status}");
        let (as_agent, as_keys) =
            (problem(code, message, status, &Identity::Agent), problem(code, message, status, &keys));
        assert_eq!((kind(&as_agent), kind(&as_keys)), (own, with_keys), "{place}");
        assert_eq!(as_agent.is_transient(), ["throttled", "unavailable", "expired"].contains(&own), "{place}");
        assert!(as_agent.to_string().contains(ACTION), "{place}");
    }
}

#[test]
fn equal_failures_have_equal_texts() {
    let skewed = |when: &str| {
        let message = format!("Signature expired: {when} is now earlier than {when} ({when} - 5 min.)");
        problem(Some("InvalidSignatureException"), &message, 400, &Identity::Agent).to_string()
    };
    assert_eq!(skewed("20260701T000000Z"), skewed("20260701T000103Z"));
    let denied = |session: &str| {
        let message = format!("User: arn:aws:sts::123456789012:assumed-role/rekey/{session} is not authorized");
        problem(Some("AccessDeniedException"), &message, 400, &Identity::Agent).to_string()
    };
    assert_eq!(denied("1"), denied("2"));
    assert!(denied("1").contains("assumed-role/rekey"));
}

#[test]
fn what_never_reached_aws_is_transient_unless_there_is_no_identity() {
    type Failure = SdkError<GetSecretValueError, HttpResponse>;
    let of = |error: Failure| classify(&Identity::Agent, &error);
    let chain = |error: CredentialsError| of(Failure::dispatch_failure(ConnectorError::other(error.into(), None)));
    let unreadable = HttpResponse::new(StatusCode::try_from(200).expect("a status"), SdkBody::empty());
    for (problem, expected) in [
        (of(Failure::timeout_error("5 s")), "unavailable"),
        (of(Failure::dispatch_failure(ConnectorError::io("refused".into()))), "unavailable"),
        (of(Failure::dispatch_failure(ConnectorError::timeout("3 s".into()))), "unavailable"),
        (of(Failure::dispatch_failure(ConnectorError::other("TLS".into(), None))), "unavailable"),
        (of(Failure::response_error("no JSON", unreadable)), "unavailable"),
        (of(Failure::construction_failure("no region")), "credentials"),
        (chain(CredentialsError::not_loaded("no provider")), "credentials"),
        (chain(CredentialsError::invalid_configuration("no such file")), "credentials"),
        (chain(CredentialsError::provider_error("AccessDenied: AssumeRoleWithWebIdentity")), "credentials"),
        (chain(CredentialsError::provider_error(format!("{POD_IDENTITY}404)"))), "credentials"),
        (chain(CredentialsError::provider_error(format!("{POD_IDENTITY}503)"))), "credentials, for the moment"),
        (chain(CredentialsError::provider_error("the connection was reset")), "credentials, for the moment"),
        (chain(CredentialsError::provider_timed_out(std::time::Duration::from_secs(5))), "credentials, for the moment"),
    ] {
        assert_eq!(kind(&problem), expected, "{problem}");
    }
}
