//! The variables of AWS's template for ElastiCache, each of which may be left out.

use std::time::Duration;

use thiserror::Error;

const SECRET: &str = "SECRET_ARN";
const USER: &str = "USER_NAME";
const PATIENCE: &str = "MAX_WAITING_TIME_FOR_ACTIVE_IN_SECONDS";
const INTERVAL: &str = "WAITING_RETRY_INTERVAL_IN_SECONDS";

/// Why the function cannot work.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("variable {0} must be a number of seconds from 1 to 900")]
pub struct SettingsError(&'static str);

/// What the function is tied to and how long it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The one secret that it rotates, by its ARN; any, if nothing.
    pub secret: Option<String>,
    /// The one user that it rotates, by name; any, if nothing.
    pub user: Option<String>,
    /// How long a user may take to become active; the function's own time limit may be shorter.
    pub patience: Duration,
    /// How long to wait between two looks.
    pub interval: Duration,
}

impl Settings {
    /// Reads them; `variable` looks one up by name.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let text = |name| variable(name).filter(|text| !text.is_empty());
        let seconds = |name, default| match text(name) {
            None => Ok(Duration::from_secs(default)),
            Some(text) => match text.parse() {
                Ok(seconds @ 1..=900) => Ok(Duration::from_secs(seconds)),
                _ => Err(SettingsError(name)),
            },
        };
        // The template looks every 10 seconds; a user without a cluster is active after one.
        Ok(Self {
            secret: text(SECRET),
            user: text(USER),
            patience: seconds(PATIENCE, 600)?,
            interval: seconds(INTERVAL, 2)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_variables_are_honoured_and_none_is_needed() {
        let none = Settings::from_variables(|_| None).unwrap();
        assert_eq!((none.secret, none.user, none.patience), (None, None, Duration::from_mins(10)));
        let all = Settings::from_variables(|name| {
            Some(if name.ends_with("_SECONDS") { "30".to_owned() } else { format!("of {name}") })
        });
        let all = all.unwrap();
        assert_eq!((all.secret.as_deref(), all.user.as_deref()), (Some("of SECRET_ARN"), Some("of USER_NAME")));
        assert_eq!((all.patience, all.interval), (Duration::from_secs(30), Duration::from_secs(30)));
    }

    #[test]
    fn nonsense_is_refused_with_the_variables_name() {
        for bad in ["0", "901", "-1", "ten"] {
            let read = Settings::from_variables(|name| (name == INTERVAL).then(|| bad.to_owned()));
            assert_eq!(read, Err(SettingsError(INTERVAL)));
        }
    }
}
