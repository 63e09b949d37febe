//! Kubeconfig files.

use serde_json::json;

/// A kubeconfig for the holder of `token`. JSON is YAML, so this is both.
pub(super) fn with_token(url: &str, ca: &str, token: &str) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "rekey",
        "clusters": [{"name": "rekey", "cluster": {"server": url, "certificate-authority-data": base64(ca.as_bytes())}}],
        "users": [{"name": "rekey", "user": {"token": token}}],
        "contexts": [{"name": "rekey", "context": {"cluster": "rekey", "user": "rekey"}}],
    })
    .to_string()
}

fn base64(bytes: &[u8]) -> String {
    use k8s_openapi::ByteString;
    // ByteString is base64 in JSON: the encoder that is in the tree anyway.
    serde_json::to_value(ByteString(bytes.to_vec()))
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
