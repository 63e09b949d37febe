//! The commands on AWS's API, each in the region that the user's ARN names.

use aws_sdk_elasticache::operation::describe_users::DescribeUsersError;
use aws_sdk_elasticache::types::AuthenticationType;
use aws_sdk_memorydb::types::{AuthenticationMode, InputAuthenticationType};
use rekey_redis::{Connection, Credential};
use rekey_rotation::aws;
use rekey_rotation::engine::EngineError;
use tokio::sync::OnceCell;

use crate::service::{Authentication, Service, Status, User};
use crate::user_arn::{Kind, UserArn};

/// ElastiCache and MemoryDB, and their caches over the network.
#[derive(Debug, Default)]
pub struct Api {
    config: OnceCell<aws_config::SdkConfig>,
}

impl Api {
    async fn elasticache(&self, arn: &UserArn) -> aws_sdk_elasticache::Client {
        let config = self.config.get_or_init(aws::config).await;
        let region = aws_config::Region::new(arn.region.clone());
        aws_sdk_elasticache::Client::from_conf(
            aws_sdk_elasticache::config::Builder::from(config).region(region).build(),
        )
    }

    async fn memorydb(&self, arn: &UserArn) -> aws_sdk_memorydb::Client {
        let config = self.config.get_or_init(aws::config).await;
        let region = aws_config::Region::new(arn.region.clone());
        aws_sdk_memorydb::Client::from_conf(aws_sdk_memorydb::config::Builder::from(config).region(region).build())
    }
}

impl Service for Api {
    async fn user(&self, arn: &UserArn) -> Result<Option<User>, EngineError> {
        match arn.kind {
            Kind::ElastiCache => match self.elasticache(arn).await.describe_users().user_id(&arn.id).send().await {
                Ok(answer) => Ok(answer.users.unwrap_or_default().into_iter().next().map(of_elasticache)),
                Err(error) if error.as_service_error().is_some_and(DescribeUsersError::is_user_not_found_fault) => {
                    Ok(None)
                }
                Err(error) => Err(failed("elasticache:DescribeUsers", aws::reason(&error))),
            },
            Kind::MemoryDb => {
                use aws_sdk_memorydb::operation::describe_users::DescribeUsersError as Error;
                match self.memorydb(arn).await.describe_users().user_name(&arn.id).send().await {
                    Ok(answer) => Ok(answer.users.unwrap_or_default().into_iter().next().map(of_memorydb)),
                    Err(error) if error.as_service_error().is_some_and(Error::is_user_not_found_fault) => Ok(None),
                    Err(error) => Err(failed("memorydb:DescribeUsers", aws::reason(&error))),
                }
            }
        }
    }

    async fn set_passwords(&self, arn: &UserArn, passwords: &[&str]) -> Result<(), EngineError> {
        let passwords = passwords.iter().map(|&password| password.to_owned()).collect();
        match arn.kind {
            Kind::ElastiCache => {
                let request = self.elasticache(arn).await.modify_user().user_id(&arn.id);
                let answer = request.set_passwords(Some(passwords)).send().await;
                answer.map(drop).map_err(|error| failed("elasticache:ModifyUser", aws::reason(&error)))
            }
            Kind::MemoryDb => {
                let mode = AuthenticationMode::builder()
                    .r#type(InputAuthenticationType::Password)
                    .set_passwords(Some(passwords))
                    .build();
                let request = self.memorydb(arn).await.update_user().user_name(&arn.id);
                let answer = request.authentication_mode(mode).send().await;
                answer.map(drop).map_err(|error| failed("memorydb:UpdateUser", aws::reason(&error)))
            }
        }
    }

    async fn log_in(&self, credential: &Credential) -> Result<(), EngineError> {
        Connection::open(credential).await.map(drop)
    }
}

fn failed(operation: &'static str, reason: String) -> EngineError {
    EngineError::Api { operation, reason }
}

fn of_elasticache(user: aws_sdk_elasticache::types::User) -> User {
    let (kind, passwords) = user.authentication.map_or((None, None), |how| (how.r#type, how.password_count));
    User {
        arn: user.arn.unwrap_or_default(),
        name: user.user_name.unwrap_or_default(),
        status: status(user.status.as_deref()),
        authentication: match kind {
            Some(AuthenticationType::Password) => Authentication::Passwords(passwords.unwrap_or_default()),
            Some(AuthenticationType::NoPassword) => Authentication::None,
            _ => Authentication::Other,
        },
    }
}

fn of_memorydb(user: aws_sdk_memorydb::types::User) -> User {
    use aws_sdk_memorydb::types::AuthenticationType as Type;
    let (kind, passwords) = user.authentication.map_or((None, None), |how| (how.r#type, how.password_count));
    User {
        arn: user.arn.unwrap_or_default(),
        name: user.name.unwrap_or_default(),
        status: status(user.status.as_deref()),
        authentication: match kind {
            Some(Type::Password) => Authentication::Passwords(passwords.unwrap_or_default()),
            Some(Type::NoPassword) => Authentication::None,
            _ => Authentication::Other,
        },
    }
}

/// Both services' words: active, modifying, deleting.
fn status(word: Option<&str>) -> Status {
    match word {
        Some("active") => Status::Active,
        Some("deleting") => Status::Deleting,
        _ => Status::Changing,
    }
}
