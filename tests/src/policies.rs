//! infra/policies, the one source of every IAM policy: what it says, as JSON for a policy evaluator, whole or without some
//! actions, and what the SAM template and the documentation have to say because of it.
//!
//! Terraform reads the files itself. The template and docs/permissions.md carry them between marks; a test of this module
//! fails where they differ, and `REKEY_BLESS=1 cargo test -p rekey-tests --lib policies` writes them anew.

#[cfg(test)]
mod cloud_formation;
#[cfg(test)]
mod markdown;
mod marks;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// One statement of a policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Statement {
    /// Its name.
    pub sid: String,
    /// What it is for, as a sentence.
    pub why: String,
    /// The placeholder without which the statement is left out.
    pub when: Option<String>,
    /// Why the local policy evaluator cannot show what its actions are for.
    pub untested: Option<String>,
    /// The same for some of them alone.
    #[serde(default)]
    pub untested_actions: BTreeMap<String, String>,
    /// Each action, and what stops working without it.
    pub actions: BTreeMap<String, String>,
    /// A placeholder, or `*`.
    pub resource: String,
    /// As in IAM, with placeholders.
    pub condition: Option<Value>,
    /// The placeholder without which the condition is left out.
    pub condition_when: Option<String>,
}

/// What a function needs to run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// What it may do: files of infra/policies.
    pub policies: Vec<String>,
    /// In megabytes.
    pub memory: u32,
    /// In seconds.
    pub timeout: u32,
}

/// What placeholders stand for; one without an entry is empty.
pub type Placeholders = BTreeMap<String, Vec<String>>;

fn read<T: DeserializeOwned>(name: &str) -> Result<T> {
    let path = folder().join(format!("{name}.yaml"));
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    serde_yaml_ng::from_str(&text).with_context(|| format!("parse {}", path.display()))
}

fn folder() -> PathBuf {
    crate::repository().join("infra/policies")
}

/// The statements of infra/policies/`name`.yaml.
pub fn policy(name: &str) -> Result<Vec<Statement>> {
    read(name)
}

/// infra/policies/functions.yaml: every function, by its name.
pub fn functions() -> Result<BTreeMap<String, Function>> {
    read("functions")
}

/// infra/policies/roles.yaml: who else acts, and the names of its policies.
pub fn roles() -> Result<BTreeMap<String, Vec<String>>> {
    read("roles")
}

/// The names of all policies: the files of infra/policies but those that say who has which.
pub fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder()).with_context(|| format!("read {}", folder().display()))? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        let name = file.strip_suffix(".yaml").with_context(|| format!("infra/policies/{file} is no YAML"))?;
        if !["functions", "roles"].contains(&name) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Every action, as `(policy, action)`, and why no test can take it away, if none can.
pub fn actions() -> Result<BTreeMap<(String, String), Option<String>>> {
    let mut actions = BTreeMap::new();
    for name in names()? {
        for statement in policy(&name)? {
            for action in statement.actions.keys() {
                let why = statement.why_untested(action).map(str::to_owned);
                let before = actions.insert((name.clone(), action.clone()), why);
                ensure!(before.is_none(), "infra/policies/{name}.yaml has {action} twice");
            }
        }
    }
    Ok(actions)
}

/// The policy document that these files make together.
pub fn document<'a>(names: impl IntoIterator<Item = &'a str>, placeholders: &Placeholders) -> Result<Value> {
    document_without(names, placeholders, &[])
}

/// The same without some actions, each a `(policy, action)`.
pub fn document_without<'a>(
    names: impl IntoIterator<Item = &'a str>,
    placeholders: &Placeholders,
    without: &[(&str, &str)],
) -> Result<Value> {
    let mut statements = Vec::new();
    for name in names {
        let stays = |action: &str| !without.contains(&(name, action));
        let policy = policy(name)?;
        statements.extend(policy.iter().filter_map(|statement| statement.filled(placeholders, stays)));
    }
    Ok(json!({"Version": "2012-10-17", "Statement": statements}))
}

impl Statement {
    /// Why no test can take this action away, if none can.
    #[must_use]
    pub fn why_untested(&self, action: &str) -> Option<&str> {
        self.untested.as_deref().or_else(|| self.untested_actions.get(action).map(String::as_str))
    }

    /// As IAM reads it, with the actions that stay; none, if it is for something that is not there.
    fn filled(&self, placeholders: &Placeholders, stays: impl Fn(&str) -> bool) -> Option<Value> {
        let given = |name: &Option<String>| name.as_ref().is_none_or(|name| placeholders.contains_key(name));
        let actions: Vec<&String> = self.actions.keys().filter(|action| stays(action)).collect();
        // IAM takes no statement without actions.
        if !given(&self.when) || actions.is_empty() {
            return None;
        }
        let mut statement = json!({
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": actions,
            "Resource": value(&self.resource, placeholders),
        });
        if let Some(condition) = self.condition.as_ref().filter(|_| given(&self.condition_when)) {
            statement["Condition"] = filled(condition, placeholders);
        }
        Some(statement)
    }
}

fn filled(template: &Value, placeholders: &Placeholders) -> Value {
    match template {
        Value::Object(members) => {
            let one = |(name, member): (&String, &Value)| (text(name, placeholders), filled(member, placeholders));
            Value::Object(members.iter().map(one).collect())
        }
        Value::String(whole) => value(whole, placeholders),
        other => other.clone(),
    }
}

/// A text that is a placeholder and nothing else stands for its list, or for the one member of it.
fn value(whole: &str, placeholders: &Placeholders) -> Value {
    match marks::placeholder(whole).and_then(|name| placeholders.get(name)).map(Vec::as_slice) {
        Some([one]) => json!(one),
        Some(many) => json!(many),
        None => json!(whole),
    }
}

fn text(template: &str, placeholders: &Placeholders) -> String {
    placeholders.iter().fold(template.to_owned(), |text, (name, values)| {
        text.replace(&format!("${{{name}}}"), values.first().map_or("", String::as_str))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_left_out_where_there_is_nothing_that_it_is_for() {
        let placeholders: Placeholders = [("SecretArns", "arn:s"), ("KmsKeyArns", "arn:k")]
            .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]))
            .into();
        let sids = |placeholders: &Placeholders| -> Vec<String> {
            let document = document(["read-secrets", "decrypt"], placeholders).unwrap();
            let statements = document["Statement"].as_array().unwrap().clone();
            statements.iter().map(|one| one["Sid"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(sids(&placeholders), ["ReadSecrets", "FindSecrets", "KeyOfTheSecrets"]);
        assert_eq!(sids(&Placeholders::new()), ["ReadSecrets", "FindSecrets"]);
    }

    #[test]
    fn a_tag_is_a_condition_where_one_is_given() {
        let mut placeholders: Placeholders =
            BTreeMap::from([("SecretArns".to_owned(), vec!["a".to_owned(), "b".to_owned()])]);
        let first =
            |placeholders: &Placeholders| document(["read-secrets"], placeholders).unwrap()["Statement"][0].clone();
        assert_eq!(first(&placeholders)["Condition"], Value::Null);
        assert_eq!(first(&placeholders)["Resource"], json!(["a", "b"]));
        placeholders.insert("SecretTagKey".to_owned(), vec!["team".to_owned()]);
        placeholders.insert("SecretTagValue".to_owned(), vec!["shop".to_owned()]);
        let expected = json!({"StringEquals": {"secretsmanager:ResourceTag/team": "shop"}});
        assert_eq!(first(&placeholders)["Condition"], expected);
    }

    #[test]
    fn what_is_taken_away_is_one_policy_s_and_no_statement_stays_without_actions() {
        let actions = |without: &[(&str, &str)]| -> Vec<Vec<String>> {
            let document = document_without(["read-secrets", "heartbeat"], &Placeholders::new(), without).unwrap();
            let statements = document["Statement"].as_array().unwrap().clone();
            statements.iter().map(|one| serde_json::from_value(one["Action"].clone()).unwrap()).collect()
        };
        let (whole, describe) = (actions(&[]), "secretsmanager:DescribeSecret");
        assert_eq!(whole.iter().flatten().filter(|action| *action == describe).count(), 2);
        let less = actions(&[("heartbeat", describe)]);
        assert!(less[0].contains(&describe.to_owned()) && !less[2].contains(&describe.to_owned()), "{less:?}");
        assert_eq!(actions(&[("heartbeat", "ssm:PutParameter")]), whole[..3]);
    }

    #[test]
    fn every_policy_is_somebody_s_and_every_action_says_what_stops_without_it() {
        let functions = functions().unwrap();
        let roles = roles().unwrap();
        let used: Vec<&String> =
            functions.values().flat_map(|function| &function.policies).chain(roles.values().flatten()).collect();
        for name in names().unwrap() {
            assert!(name == "logs" || used.contains(&&name), "{name}.yaml is nobody's");
            for statement in policy(&name).unwrap() {
                assert!(!statement.actions.is_empty(), "{name}: {}", statement.sid);
                for (action, without) in &statement.actions {
                    assert!(without.ends_with('.'), "{name}: {action}");
                }
                for action in statement.untested_actions.keys() {
                    assert!(statement.actions.contains_key(action), "{name}: {action} is none of {}", statement.sid);
                }
            }
        }
    }

    /// The files that repeat what infra/policies says.
    #[test]
    fn template_and_documentation_say_what_the_policies_say() {
        let root = crate::repository();
        for (file, render) in [
            ("infra/template.yaml", cloud_formation::render as fn(&str) -> Result<String>),
            ("docs/permissions.md", markdown::render),
        ] {
            let path = root.join(file);
            let text = std::fs::read_to_string(&path).unwrap();
            let rendered = render(&text).unwrap();
            if std::env::var_os("REKEY_BLESS").is_some() {
                std::fs::write(&path, &rendered).unwrap();
            } else {
                let command = "REKEY_BLESS=1 cargo test -p rekey-tests --lib policies";
                assert!(rendered == text, "{file} differs from infra/policies; `{command}` renders it");
            }
        }
    }

    /// `(policy, function)` of each mark in the template, and the template itself.
    fn marked() -> (Vec<(String, String)>, String) {
        let text = std::fs::read_to_string(crate::repository().join("infra/template.yaml")).unwrap();
        let of = |line: &str| {
            line.trim().strip_prefix("# begin ")?.split_once(" of ").map(|(a, b)| (a.to_owned(), b.to_owned()))
        };
        (text.lines().filter_map(of).collect(), text)
    }

    #[test]
    fn the_template_gives_each_function_its_policies_and_what_it_needs_to_run() {
        let (marked, text) = marked();
        for (name, function) in functions().unwrap() {
            // What all share is a managed policy.
            let own: Vec<&String> = function
                .policies
                .iter()
                .filter(|policy| !["rotation", "network", "heartbeat"].contains(&policy.as_str()))
                .collect();
            let there: Vec<&String> = marked.iter().filter(|(_, of)| *of == name).map(|(policy, _)| policy).collect();
            assert_eq!(there, own, "{name}");
            let binary =
                if name == "heartbeat" { "rekey-heartbeat".to_owned() } else { format!("rekey-rotation-{name}") };
            let (_, block) = text.split_once(&format!("Binary: {binary} ")).unwrap();
            let block = block.split_once("\n\n").map_or(block, |(block, _)| block);
            assert!(block.contains(&format!("MemorySize: {}\n", function.memory)), "{name}: memory");
            assert!(block.contains(&format!("Timeout: {}\n", function.timeout)), "{name}: timeout");
            assert_eq!(
                block.contains("NetworkPolicy"),
                function.policies.iter().any(|policy| policy == "network"),
                "{name}"
            );
            assert_eq!(block.contains("VpcConfig"), block.contains("NetworkPolicy"), "{name}");
            let manifest = crate::repository().join("lambdas").join(&name).join("Cargo.toml");
            let manifest = std::fs::read_to_string(manifest).unwrap();
            let deploy = format!(
                "[package.metadata.lambda.deploy]\nmemory = {}\ntimeout = {}\n",
                function.memory, function.timeout
            );
            assert!(manifest.contains(&deploy), "{name}: what cargo lambda deploy makes of it");
        }
    }
}
