//! Every action of infra/policies, taken away from whoever has it: what stops, and that what people read then names the action.
//! And with it, the same works.
//!
//! There is one table. A new action has no row and fails the first test; so has one that infra/policies marks as untested
//! and that is in the table all the same.

mod agent;
mod function;
mod keys;
mod queue;
mod rotations;

use std::collections::{BTreeMap, BTreeSet};

use rekey_tests::aws::{ACCOUNT, REGION};
use rekey_tests::policies::{self, Placeholders};
use serde_json::Value;

/// An action that is taken away.
#[derive(Debug)]
pub struct Row {
    /// The file of infra/policies.
    pub policy: &'static str,
    /// The action.
    pub action: &'static str,
    /// What stops.
    pub feature: &'static str,
    /// Where that is read, in a text that names the action.
    pub seen: Seen,
}

/// Where people read that an action is missing.
#[derive(Debug)]
pub enum Seen {
    /// The ExternalSecret is not Ready, and its condition says so.
    Object,
    /// The SecretStore is not valid, and its condition says so.
    Store,
    /// Everything is Ready. The agent's log says what it does instead, and these are the calls.
    Instead(&'static str, &'static [&'static str]),
    /// The same of what the agent compares every now and then.
    Comparison(&'static str, &'static [&'static str]),
    /// The agent's log has this line.
    Log(&'static str),
    /// That step of a rotation fails with kind `aws`.
    Step(&'static str),
    /// The function's log has this line.
    Warning(&'static str),
    /// The heartbeat function fails with an error of this type.
    Heartbeat(&'static str),
    /// What could not be delivered is in the dead-letter queue.
    DeadLetter,
}

use Seen::{Comparison, DeadLetter, Heartbeat, Instead, Log, Object, Step, Store, Warning};

const fn row(policy: &'static str, action: &'static str, feature: &'static str, seen: Seen) -> Row {
    Row { policy, action, feature, seen }
}

const COME_AGAIN: &str = "messages are handled, and come again until the dead-letter queue has them";
const NOT_AT_ONCE: &str = "messages come again when their visibility ends, also those that are worked on";
const CALLS_OF_A_PATH: &[&str] = &["DescribeParameters", "GetParameters"];

/// See the module's head.
const TABLE: &[Row] = &[
    row("queue", "sqs:ReceiveMessage", "changes arrive as events", Log("queue not readable; trying again")),
    row("queue", "sqs:DeleteMessage", "what was handled does not come again", Instead(COME_AGAIN, &[])),
    row("queue", "sqs:ChangeMessageVisibility", "a malformed message is dead at once", Instead(NOT_AT_ONCE, &[])),
    row("read-secrets", "secretsmanager:GetSecretValue", "the value of a secret", Object),
    row("read-secrets", "secretsmanager:DescribeSecret", "the tags of a secret", Object),
    row(
        "read-secrets",
        "secretsmanager:DescribeSecret",
        "comparisons without values",
        Comparison("the values are read", &["GetSecretValue"]),
    ),
    row("read-secrets", "secretsmanager:ListSecrets", "dataFrom.find", Object),
    row(
        "read-secrets",
        "secretsmanager:BatchGetSecretValue",
        "searches read twenty secrets at a time",
        Instead("the secrets of a search are read one by one", &["GetSecretValue"]),
    ),
    row("read-parameters", "ssm:GetParameter", "the value of a parameter", Object),
    row(
        "read-parameters",
        "ssm:GetParameters",
        "comparisons of ten parameters at a time",
        Comparison("parameters are asked for one by one", &["GetParameter"]),
    ),
    row(
        "read-parameters",
        "ssm:GetParametersByPath",
        "dataFrom.find with a path sees no other names",
        Instead("parameters are listed and read by name", CALLS_OF_A_PATH),
    ),
    row("read-parameters", "ssm:ListTagsForResource", "the tags of a parameter", Object),
    row("read-parameters", "ssm:DescribeParameters", "dataFrom.find by tags", Object),
    row("assume-roles", "sts:AssumeRole", "a store with a role", Store),
    row("assume-roles", "sts:TagSession", "a store with a role and session tags", Store),
    row("relay", "events:PutEvents", "clusters of other accounts hear of changes", DeadLetter),
    row("heartbeat", "secretsmanager:DescribeSecret", "heartbeats of Secrets Manager", Heartbeat("canary-secret")),
    row("heartbeat", "secretsmanager:PutSecretValue", "the first heartbeat of a canary", Heartbeat("canary-secret")),
    row("heartbeat", "secretsmanager:UpdateSecretVersionStage", "all later ones", Heartbeat("canary-secret")),
    row("heartbeat", "ssm:PutParameter", "heartbeats of Parameter Store", Heartbeat("canary-parameter")),
    row("rotation", "events:PutEvents", "the event that names the engine", Warning("rotation is not announced")),
    row("rotated-secrets", "secretsmanager:DescribeSecret", "rotations", Step("createSecret")),
    row("rotated-secrets", "secretsmanager:GetSecretValue", "rotations", Step("createSecret")),
    row("rotated-secrets", "secretsmanager:PutSecretValue", "the next credential", Step("createSecret")),
    row("rotated-secrets", "secretsmanager:UpdateSecretVersionStage", "AWSCURRENT moves", Step("finishSecret")),
    row(
        "rotated-secrets",
        "secretsmanager:ListSecretVersionIds",
        "the password of a cancelled rotation is found",
        Warning("versions without labels could not be looked at for the password that the service accepts"),
    ),
    row("masters", "secretsmanager:GetSecretValue", "masters", Step("setSecret")),
    row("masters", "secretsmanager:DescribeSecret", "masters whose secret RDS manages", Step("setSecret")),
    row("managed-masters", "rds:DescribeDBInstances", "such masters of instances", Step("setSecret")),
    row("managed-masters", "rds:DescribeDBClusters", "such masters of clusters", Step("setSecret")),
    row("elasticache", "elasticache:DescribeUsers", "users of ElastiCache", Step("setSecret")),
    row("elasticache", "elasticache:ModifyUser", "their next password", Step("setSecret")),
    row("iam", "iam:ListAccessKeys", "the keys of an IAM user", Step("createSecret")),
    row("iam", "iam:CreateAccessKey", "the next key", Step("createSecret")),
    row("iam", "iam:UpdateAccessKey", "the key before last is switched off", Step("createSecret")),
    row("iam", "iam:DeleteAccessKey", "a user that has two keys", Step("createSecret")),
    row("iam", "iam:GetAccessKeyLastUsed", "a user with a key that no version holds", Step("createSecret")),
];

/// The rows of that policy.
fn rows(policy: &str) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.policy == policy)
}

/// The action of the relay's role, which is taken away where there is a relay.
pub fn of_the_relay() -> &'static Row {
    rows("relay").next().expect("the relay's row")
}

/// These resources of the account, in every region.
fn everywhere(service: &str, resources: &str) -> Vec<String> {
    vec![format!("arn:aws:{service}:*:{ACCOUNT}:{resources}")]
}

/// And in the region of the tests.
fn here(service: &str, resource: &str) -> Vec<String> {
    vec![format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")]
}

/// What the template gives the agent whose queue has that name, without these rows.
fn agent_policy(queue: &str, without: &[&Row]) -> Value {
    let placeholders: Placeholders = BTreeMap::from([
        ("QueueArn".to_owned(), here("sqs", queue)),
        ("SecretArns".to_owned(), everywhere("secretsmanager", "secret:*")),
        ("ParameterArns".to_owned(), everywhere("ssm", "parameter/*")),
        ("RoleArns".to_owned(), vec![crate::identities::ROLES.to_owned()]),
    ]);
    let roles = policies::roles().unwrap();
    let names = roles["agent"].iter().map(String::as_str);
    policies::document_without(names, &placeholders, &pairs(without)).unwrap()
}

fn pairs(rows: &[&Row]) -> Vec<(&'static str, &'static str)> {
    rows.iter().map(|row| (row.policy, row.action)).collect()
}

#[test]
fn the_table_has_every_action_but_those_that_are_marked_as_untested() {
    let actions = policies::actions().unwrap();
    let exercisable: BTreeSet<(&str, &str)> = actions
        .iter()
        .filter(|(_, untested)| untested.is_none())
        .map(|((policy, action), _)| (policy.as_str(), action.as_str()))
        .collect();
    let in_the_table: BTreeSet<(&str, &str)> = TABLE.iter().map(|row| (row.policy, row.action)).collect();
    let missing: Vec<_> = exercisable.difference(&in_the_table).collect();
    let surplus: Vec<_> = in_the_table.difference(&exercisable).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "without a row: {missing:?}; with one too many: {surplus:?}");
}
