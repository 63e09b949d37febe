//! What the command line says about who is told of rollouts, and how. The variables of Stakater Reloader are read too.

use clap::ValueEnum;
use secrecy::{ExposeSecret, SecretString};

use crate::metrics::scrape::ReloaderNames;
use crate::post::{Address, BadAddress};

/// The flags.
#[derive(clap::Args, Clone, Debug)]
pub struct Telling {
    /// Where an alert is posted as JSON when a workload was restarted, when its pods serve with the new data, and when that
    /// failed or is stuck. It may be a credential, so give it by the variable, from a Secret. Stakater Reloader's
    /// ALERT_WEBHOOK_URL is taken too, with ALERT_ON_RELOAD=true.
    #[arg(long, env = "REKEY_ALERT_WEBHOOK_URL", hide_env_values = true, value_parser = secret)]
    alert_webhook_url: Option<SecretString>,

    /// Who reads the alerts: `json` gets all of them, the chats only their text. Default: json, or as ALERT_SINK says.
    #[arg(long, env = "REKEY_ALERT_SINK", value_enum)]
    alert_sink: Option<AlertSink>,

    /// Put before the text of each alert, for instance the cluster's name. Default: as ALERT_ADDITIONAL_INFO says.
    #[arg(long, env = "REKEY_ALERT_INFO")]
    alert_info: Option<String>,

    /// The proxy on the way to where alerts are posted. Default: as ALERT_WEBHOOK_PROXY says, else HTTPS_PROXY and the like.
    #[arg(long, env = "REKEY_ALERT_PROXY", hide_env_values = true, value_parser = secret)]
    alert_proxy: Option<SecretString>,

    /// Restart nothing, and post `{"webhook":"update successful"}` to this address whenever a Secret or ConfigMap changes,
    /// whatever uses it, as Stakater Reloader does. It may be a credential, so give it by the variable.
    #[arg(long, env = "REKEY_WEBHOOK_URL", hide_env_values = true, value_parser = secret)]
    webhook_url: Option<SecretString>,

    /// Whether /metrics also has Stakater Reloader's names (reloader_…). With METRICS_COUNT_BY_NAMESPACE=enabled there is one
    /// for each namespace too.
    #[arg(long, env = "REKEY_RELOADER_METRICS", default_value_t = true, action = clap::ArgAction::Set)]
    reloader_metrics: bool,
}

/// Who reads alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AlertSink {
    /// A program.
    Json,
    /// Slack.
    Slack,
    /// Microsoft Teams.
    Teams,
    /// Google Chat.
    Gchat,
}

/// Where alerts go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertTarget {
    /// The address.
    pub address: Address,
    /// The way there.
    pub proxy: Option<Address>,
    /// Put before each text.
    pub info: Option<String>,
    /// Whether only the text is posted.
    pub text_alone: bool,
}

/// An address that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{flag}: {problem}")]
pub struct BadTarget {
    flag: &'static str,
    problem: BadAddress,
}

impl Telling {
    /// Where alerts go, if anywhere. `variable` reads the environment.
    pub fn alerts(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Option<AlertTarget>, BadTarget> {
        let variable = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let (flag, address) = match given(self.alert_webhook_url.as_ref()) {
            Some(address) => ("--alert-webhook-url", address.to_owned()),
            None if variable("ALERT_ON_RELOAD").as_deref() != Some("true") => return Ok(None),
            None => ("ALERT_WEBHOOK_URL", variable("ALERT_WEBHOOK_URL").unwrap_or_default()),
        };
        let proxy = given(self.alert_proxy.as_ref()).map(ToOwned::to_owned).or_else(|| variable("ALERT_WEBHOOK_PROXY"));
        let sink = variable("ALERT_SINK").and_then(|sink| AlertSink::from_str(&sink, true).ok());
        Ok(Some(AlertTarget {
            address: parse(flag, &address)?,
            proxy: proxy.map(|proxy| parse("--alert-proxy", &proxy)).transpose()?,
            info: self.alert_info.clone().or_else(|| variable("ALERT_ADDITIONAL_INFO")),
            // What else Stakater Reloader knows gets plain text there.
            text_alone: self.alert_sink.or(sink).is_some_and(|sink| sink != AlertSink::Json),
        }))
    }

    /// What is told of each change instead of restarts, if anything.
    pub fn webhook(&self) -> Result<Option<Address>, BadTarget> {
        given(self.webhook_url.as_ref()).map(|address| parse("--webhook-url", address)).transpose()
    }

    /// Which of Stakater Reloader's series are shown. `variable` reads the environment.
    #[must_use]
    pub fn reloader_names(&self, variable: impl Fn(&str) -> Option<String>) -> Option<ReloaderNames> {
        let by_namespace = variable("METRICS_COUNT_BY_NAMESPACE").as_deref() == Some("enabled");
        self.reloader_metrics.then_some(if by_namespace { ReloaderNames::ByNamespace } else { ReloaderNames::Few })
    }
}

/// An empty one is none: a chart passes on what is not set.
fn given(secret: Option<&SecretString>) -> Option<&str> {
    secret.map(ExposeSecret::expose_secret).filter(|text| !text.trim().is_empty())
}

fn parse(flag: &'static str, text: &str) -> Result<Address, BadTarget> {
    Address::parse(text).map_err(|problem| BadTarget { flag, problem })
}

/// clap repeats what it refuses, so it refuses nothing.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a parser")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        telling: Telling,
    }

    fn flags(flags: &[&str]) -> Telling {
        Flags::try_parse_from(["rekey-agent"].iter().chain(flags)).unwrap_or_else(|error| panic!("{error}")).telling
    }

    fn alerts(given: &[&str], variables: &[(&str, &str)]) -> Result<Option<AlertTarget>, BadTarget> {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        flags(given).alerts(find)
    }

    fn target(address: &str) -> AlertTarget {
        let address = Address::parse(address).expect("an address");
        AlertTarget { address, proxy: None, info: None, text_alone: false }
    }

    #[test]
    fn alerts_go_where_the_flag_says_else_where_stakaters_variables_say() {
        const URL: &str = "https://hooks.example/T0/secret";
        let theirs = ("ALERT_WEBHOOK_URL", " https://theirs.example/hook ");
        let on = ("ALERT_ON_RELOAD", "true");
        let proxy = Address::parse("http://proxy.example:3128").ok();
        for (why, given, variables, expected) in [
            ("nobody asks", &[][..], &[][..], None),
            ("they are not switched on", &[], &[theirs], None),
            ("nor by another word", &[], &[theirs, ("ALERT_ON_RELOAD", "yes")], None),
            ("a chart passes on nothing", &["--alert-webhook-url="], &[], None),
            ("the flag", &["--alert-webhook-url", URL], &[], Some(target(URL))),
            ("the variables", &[], &[theirs, on], Some(target("https://theirs.example/hook"))),
            ("both", &["--alert-webhook-url", URL], &[theirs, on], Some(target(URL))),
            (
                "all of the variables",
                &[],
                &[
                    theirs,
                    on,
                    ("ALERT_SINK", "Slack"),
                    ("ALERT_ADDITIONAL_INFO", "prod"),
                    ("ALERT_WEBHOOK_PROXY", "http://proxy.example:3128"),
                ],
                Some(AlertTarget {
                    proxy: proxy.clone(),
                    info: Some("prod".to_owned()),
                    text_alone: true,
                    ..target("https://theirs.example/hook")
                }),
            ),
            (
                "all of the flags",
                &[
                    "--alert-webhook-url",
                    URL,
                    "--alert-sink=json",
                    "--alert-info=mine",
                    "--alert-proxy=http://proxy.example:3128",
                ],
                &[("ALERT_SINK", "teams"), ("ALERT_ADDITIONAL_INFO", "prod")],
                Some(AlertTarget { proxy, info: Some("mine".to_owned()), ..target(URL) }),
            ),
            (
                "a sink that is none of these",
                &[],
                &[theirs, on, ("ALERT_SINK", "webhook")],
                Some(target("https://theirs.example/hook")),
            ),
        ] {
            assert_eq!(alerts(given, variables), Ok(expected), "{why}");
        }
    }

    #[test]
    fn a_bad_address_is_refused_by_name_and_never_repeated() {
        for address in ["hunter2", "ftp://hunter2.example", "https:///hunter2", "/hunter2", "https://a b/hunter2"] {
            let problem = alerts(&["--alert-webhook-url", address], &[]).unwrap_err().to_string();
            assert!(problem.starts_with("--alert-webhook-url: ") && !problem.contains("hunter2"), "{problem}");
            assert!(flags(&["--webhook-url", address]).webhook().is_err(), "{address}");
        }
        let on = [("ALERT_ON_RELOAD", "true")];
        assert!(alerts(&[], &on).unwrap_err().to_string().starts_with("ALERT_WEBHOOK_URL: "));
        let shown =
            format!("{:?}", flags(&["--alert-webhook-url=https://a/hunter2", "--webhook-url=https://a/hunter2"]));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(!format!("{:?}", target("https://a/hunter2")).contains("hunter2"));
    }

    #[test]
    fn stakaters_series_are_there_unless_switched_off() {
        let by =
            |value: &'static str| move |name: &str| (name == "METRICS_COUNT_BY_NAMESPACE").then(|| value.to_owned());
        assert_eq!(flags(&[]).reloader_names(by("disabled")), Some(ReloaderNames::Few));
        assert_eq!(flags(&[]).reloader_names(by("enabled")), Some(ReloaderNames::ByNamespace));
        assert_eq!(flags(&["--reloader-metrics=false"]).reloader_names(by("enabled")), None);
    }
}
