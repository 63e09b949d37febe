//! The statements as they stand in infra/template.yaml.

use std::cell::Cell;
use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{Statement, marks, policy};

/// Columns of the template's comments.
const WIDTH: usize = 110;

/// The template with the statements of its marks: `# begin POLICY`, or `# begin POLICY of FUNCTION`, and `in CONDITION` where the
/// whole resource is there on that condition only.
pub(super) fn render(template: &str) -> Result<String> {
    let loops = Cell::new(0);
    marks::filled(template, ("# ", ""), |what| {
        let (what, holds) = what.split_once(" in ").unwrap_or((what, ""));
        let (name, function) = what.split_once(" of ").unwrap_or((what, ""));
        let place = Place { function, holds, loops: &loops };
        let mut lines = Vec::new();
        for statement in policy(name)? {
            lines.extend(comment(&statement.why));
            lines.extend(item(&statement, &place)?);
        }
        Ok(lines)
    })
}

/// Where a statement stands.
struct Place<'a> {
    /// The function whose policy it belongs to, if it is one's own.
    function: &'a str,
    /// A condition that holds wherever the statement is.
    holds: &'a str,
    /// How many loops the template has so far: each needs a name of its own.
    loops: &'a Cell<u32>,
}

/// The condition of the template that a placeholder has a value.
fn condition(placeholder: &str) -> Result<&'static str> {
    Ok(match placeholder {
        "KmsKeyArns" => "HasKeys",
        "RoleArns" => "HasRoles",
        "Network" => "InVpc",
        "MasterSecretArns" => "HasMasters",
        "CacheUserArns" => "HasCacheUsers",
        "UserArns" => "HasUsers",
        "RelayBusArns" => "HasRelay",
        "SecretTagKey" => "HasTag",
        other => bail!("the template has no condition for {other}"),
    })
}

/// What a placeholder is in the template.
fn expression(placeholder: &str, function: &str) -> Result<Vec<String>> {
    const HERE: &str = "${AWS::Region}:${AWS::AccountId}";
    let all = |condition: &str, arn: &str, parameter: &str| {
        vec![
            "!If".to_owned(),
            format!("- {condition}"),
            format!("- !Sub arn:${{AWS::Partition}}:{arn}"),
            format!("- !Ref {parameter}"),
        ]
    };
    let line = match placeholder {
        "SecretArns" => {
            return Ok(all("AllSecrets", "secretsmanager:*:${AWS::AccountId}:secret:*", "SecretArnPatterns"));
        }
        "ParameterArns" => {
            return Ok(all("AllParameters", "ssm:*:${AWS::AccountId}:parameter/*", "ParameterArnPatterns"));
        }
        "QueueArn" => "!GetAtt Queue.Arn".to_owned(),
        "SecretTagKey" | "SecretTagValue" | "KmsKeyArns" | "RelayBusArns" => format!("!Ref {placeholder}"),
        "RoleArns" => "!Ref RoleArnPatterns".to_owned(),
        "MasterSecretArns" => "!Ref MasterSecretArnPatterns".to_owned(),
        "CacheUserArns" => "!Ref CacheUserArnPatterns".to_owned(),
        "UserArns" => "!Ref IamUserArnPatterns".to_owned(),
        "CanarySecretArn" => "!Ref CanarySecret".to_owned(),
        "CanaryParameterArn" => {
            format!("!Sub arn:${{AWS::Partition}}:ssm:{HERE}:parameter/rekey/canary/${{ClusterName}}")
        }
        "BusArn" => format!("!Sub arn:${{AWS::Partition}}:events:{HERE}:event-bus/default"),
        "SecretsOfAccount" => format!("!Sub arn:${{AWS::Partition}}:secretsmanager:{HERE}:secret:*"),
        "FunctionArn" => {
            format!("!Sub arn:${{AWS::Partition}}:lambda:{HERE}:function:${{ClusterName}}-rotation-{function}")
        }
        other => bail!("the template has nothing for {other}"),
    };
    Ok(vec![line])
}

/// `text` as comment lines.
fn comment(text: &str) -> Vec<String> {
    let mut lines = vec!["#".to_owned()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().filter(|line| line.len() + word.len() < WIDTH);
        match last {
            Some(line) => *line = format!("{line} {word}"),
            None => lines.push(format!("# {word}")),
        }
    }
    lines
}

fn item(statement: &Statement, place: &Place<'_>) -> Result<Vec<String>> {
    let mut lines = vec![format!("Sid: {}", statement.sid), "Effect: Allow".to_owned(), "Action:".to_owned()];
    lines.extend(statement.actions.keys().map(|action| format!("  - {action}")));
    lines.extend(member("Resource", scalar(&statement.resource, place)?));
    if let Some(given) = &statement.condition {
        let block = mapping(given, place)?;
        match &statement.condition_when {
            None => {
                lines.push("Condition:".to_owned());
                lines.extend(indented(block));
            }
            Some(when) => lines.extend(member("Condition", either(condition(when)?, block))),
        }
    }
    match statement.when.as_deref().map(condition).transpose()? {
        Some(when) if when != place.holds => Ok(listed(either(when, lines))),
        _ => Ok(listed(lines)),
    }
}

/// `!If` with `block` where the condition holds, and nothing where it does not.
fn either(condition: &str, block: Vec<String>) -> Vec<String> {
    let mut lines = vec!["!If".to_owned(), format!("- {condition}")];
    lines.extend(listed(block));
    lines.push("- !Ref AWS::NoValue".to_owned());
    lines
}

fn mapping(value: &Value, place: &Place<'_>) -> Result<Vec<String>> {
    // In an order of our own: whether serde_json keeps that of the file depends on who else is built.
    let members: BTreeMap<_, _> = value.as_object().context("a condition is a mapping")?.iter().collect();
    let mut lines = Vec::new();
    for (name, value) in members {
        let Some((head, rest)) = name.split_once("${") else {
            match value {
                Value::String(text) => lines.extend(member(name, scalar(text, place)?)),
                other => {
                    lines.push(format!("{name}:"));
                    lines.extend(indented(mapping(other, place)?));
                }
            }
            continue;
        };
        // CloudFormation has no functions in keys, but a loop may make one.
        let (key, tail) = rest.split_once('}').context("a placeholder does not end")?;
        let value = scalar(value.as_str().context("a text belongs to a key with a placeholder")?, place)?;
        place.loops.set(place.loops.get() + 1);
        lines.push(format!("Fn::ForEach::Key{}:", place.loops.get()));
        let looped = listed(member(&format!("{head}${{Key}}{tail}"), value));
        lines.extend(
            ["- Key".to_owned(), format!("- [{}]", expression(key, place.function)?.join(" "))]
                .map(|line| format!("  {line}")),
        );
        lines.extend(indented(looped));
    }
    Ok(lines)
}

fn scalar(text: &str, place: &Place<'_>) -> Result<Vec<String>> {
    match marks::placeholder(text) {
        Some(name) => expression(name, place.function),
        None if text == "*" => Ok(vec!["\"*\"".to_owned()]),
        None => Ok(vec![text.to_owned()]),
    }
}

fn member(name: &str, value: Vec<String>) -> Vec<String> {
    let mut value = value.into_iter();
    let first = value.next().unwrap_or_default();
    let mut lines = vec![format!("{name}: {first}")];
    lines.extend(indented(value.collect()));
    lines
}

fn indented(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().map(|line| format!("  {line}")).collect()
}

/// A block as a member of a list.
fn listed(block: Vec<String>) -> Vec<String> {
    let line = |(index, line)| format!("{}{line}", if index == 0 { "- " } else { "  " });
    block.into_iter().enumerate().map(line).collect()
}
