//! A person at the keyboard: the tools that the documentation names, pointed at the local stack and at nothing else.

use std::path::{Path, PathBuf};

use crate::aws::Place;
use crate::process::Spec;
use crate::stack::Stack;

/// A program as a person would start it in the repository's root, as root of that account.
pub fn program(stack: &Stack, place: Place, name: &str, program: impl Into<PathBuf>) -> Spec {
    let tools = [stack.tools.sam.join("bin"), stack.tools.aws.join("bin")];
    let helm = stack.tools.helm.parent().map(Path::to_path_buf);
    let path = std::env::var_os("PATH").unwrap_or_default();
    // cargo-lambda and a python3 that has zig are SAM's.
    let path = std::env::join_paths(tools.into_iter().chain(helm).chain(std::env::split_paths(&path)));
    // Whatever account the person really works with, this must not meet it.
    let mut spec = Spec::new(name, program, stack.directory().join("keyboard.log"))
        .directory(crate::repository())
        .hide_env("AWS_")
        .hide_env("HELM_")
        // As for the agent's build: they make cargo compile what has not changed.
        .hide_env("CARGO_MANIFEST_")
        .hide_env("CARGO_PKG_")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_PAGER", "")
        .env("PATH", path.unwrap_or_default())
        .env("SAM_CLI_TELEMETRY", "0")
        .env("SAM_CLI_POLL_DELAY", "0.5")
        .env("KUBECONFIG", stack.kubernetes.kubeconfig());
    for (name, value) in stack.aws.root_environment(place) {
        spec = spec.env(name, value);
    }
    spec
}

/// Lines of shell, as a person would paste them; the first that fails ends them.
pub fn shell(stack: &Stack, name: &str, commands: &str) -> Spec {
    program(stack, Place::default(), name, "bash").args(["-euo", "pipefail", "-c", commands])
}
