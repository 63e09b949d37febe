//! ARNs of users: `arn:aws:elasticache:REGION:ACCOUNT:user:ID` and `arn:aws:memorydb:REGION:ACCOUNT:user/NAME`.

use rekey_rotation::secret::SecretError;

/// The service that a user belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Amazon ElastiCache.
    ElastiCache,
    /// Amazon MemoryDB.
    MemoryDb,
}

/// A user by its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserArn {
    /// The whole text.
    pub text: String,
    /// The service.
    pub kind: Kind,
    /// The region that the API is called in.
    pub region: String,
    /// What the API finds the user by: ElastiCache's user id, which is not the user's name, or MemoryDB's name.
    pub id: String,
}

impl UserArn {
    /// Reads the field `user_arn`.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let parts: Vec<&str> = text.split(':').collect();
        let found = match *parts.as_slice() {
            ["arn", _, "elasticache", region, _, "user", id] => Some((Kind::ElastiCache, region, id)),
            ["arn", _, "memorydb", region, _, user] => {
                user.strip_prefix("user/").map(|id| (Kind::MemoryDb, region, id))
            }
            _ => None,
        };
        let (kind, region, id) =
            found.filter(|(_, region, id)| !region.is_empty() && !id.is_empty()).ok_or(SecretError::Malformed {
                field: "user_arn",
                expected: "the ARN of a user of ElastiCache or MemoryDB",
            })?;
        Ok(Self { text: text.to_owned(), kind, region: region.to_owned(), id: id.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_services_users_are_recognised_and_nothing_else() {
        let parse = |text| UserArn::parse(text).map(|arn| (arn.kind, arn.region, arn.id));
        let own = |kind, id: &str| Ok((kind, "eu-west-1".to_owned(), id.to_owned()));
        assert_eq!(parse("arn:aws:elasticache:eu-west-1:111122223333:user:u-1"), own(Kind::ElastiCache, "u-1"));
        assert_eq!(parse("arn:aws-cn:memorydb:eu-west-1:111122223333:user/app"), own(Kind::MemoryDb, "app"));
        for text in [
            "",
            "app",
            "arn:aws:elasticache:eu-west-1:111122223333:user:",
            "arn:aws:elasticache:eu-west-1:111122223333:usergroup:g",
            "arn:aws:memorydb:eu-west-1:111122223333:acl/open-access",
            "arn:aws:memorydb::111122223333:user/app",
            "arn:aws:iam::111122223333:user/app",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
