//! AWS's sentences without what differs from one answer to the next, so that equal failures give equal conditions.

/// Drops request ids and the names of sessions, which are new with each renewal of credentials.
pub(super) fn stable(message: &str) -> String {
    without_sessions(without_request_id(message))
}

/// What follows a request id says nothing about the failure either.
fn without_request_id(message: &str) -> &str {
    let lower = message.to_ascii_lowercase();
    let cut = ["request id", "requestid", "request-id"].iter().filter_map(|word| lower.find(word)).min();
    match cut {
        // ASCII lower case moves no byte.
        Some(position) => message[..position].trim_end_matches([' ', ',', '(', ';', '[', ':']),
        None => message.trim_end(),
    }
}

/// `arn:aws:sts::123456789012:assumed-role/rekey/1782777600` becomes `…:assumed-role/rekey/*`.
fn without_sessions(message: &str) -> String {
    const ROLE: &str = ":assumed-role/";
    let mut parts = message.split(ROLE);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(ROLE);
        let end =
            part.find(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | ')')).unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        match name.split_once('/') {
            Some((role, _session)) => {
                text.push_str(role);
                text.push_str("/*");
            }
            None => text.push_str(name),
        }
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_answer_to_answer_is_dropped_and_nothing_else() {
        for (message, expected) in [
            ("Secrets Manager can't find the specified secret.", "Secrets Manager can't find the specified secret."),
            (
                "no such key (Service: Kms, Status Code: 400, Request ID: 1-2-3)",
                "no such key (Service: Kms, Status Code: 400",
            ),
            ("it failed, request id: 77", "it failed"),
            ("RequestId: 77 failed", ""),
            (
                "User: arn:aws:sts::123456789012:assumed-role/rekey/1782777600 is not authorized to perform: x on y",
                "User: arn:aws:sts::123456789012:assumed-role/rekey/* is not authorized to perform: x on y",
            ),
            (
                "arn:aws:sts::123456789012:assumed-role/a/b and arn:aws:sts::123456789012:assumed-role/c/d",
                "arn:aws:sts::123456789012:assumed-role/a/* and arn:aws:sts::123456789012:assumed-role/c/*",
            ),
            ("User: arn:aws:iam::123456789012:user/a/b is not", "User: arn:aws:iam::123456789012:user/a/b is not"),
            ("Schlüssel, Request id: ü", "Schlüssel"),
        ] {
            assert_eq!(stable(message), expected);
            assert_eq!(stable(&stable(message)), expected, "stable once is stable for good");
        }
    }
}
