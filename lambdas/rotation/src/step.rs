//! The four steps of a rotation, by name.

use std::fmt;

/// One invocation of the rotation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Make the new credential and store it as the pending version.
    Create,
    /// Make the service accept the pending credential.
    Set,
    /// Log in with the pending credential.
    Test,
    /// Move AWSCURRENT to the pending version.
    Finish,
}

impl Step {
    /// All steps in the order in which Secrets Manager asks for them.
    pub const ALL: [Self; 4] = [Self::Create, Self::Set, Self::Test, Self::Finish];

    /// The step of that name, in either spelling: AWS sends `createSecret`, its documentation writes `create_secret`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "createSecret" | "create_secret" => Some(Self::Create),
            "setSecret" | "set_secret" => Some(Self::Set),
            "testSecret" | "test_secret" => Some(Self::Test),
            "finishSecret" | "finish_secret" => Some(Self::Finish),
            _ => None,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "createSecret",
            Self::Set => "setSecret",
            Self::Test => "testSecret",
            Self::Finish => "finishSecret",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_name_the_same_step() {
        for (wire, documented) in [
            ("createSecret", "create_secret"),
            ("setSecret", "set_secret"),
            ("testSecret", "test_secret"),
            ("finishSecret", "finish_secret"),
        ] {
            let step = Step::parse(wire).unwrap();
            assert_eq!(step.as_str(), wire);
            assert_eq!(Step::parse(documented), Some(step));
        }
        assert_eq!(Step::parse("CreateSecret"), None);
    }
}
