//! One connection for one step: opened, used, and cut when it is dropped.

use std::collections::HashMap;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Cmd, FromRedisValue, RedisConnectionInfo, RedisResult, Value, cmd, from_redis_value,
};
use rekey_rotation::engine::EngineError;
use rekey_rotation::place::Tls;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::acl::{Edit, User};
use crate::credential::Credential;
use crate::error::{self, classify, nonsense, refusal};
use crate::server::{Role, Saved, Session};
use crate::stream::{self, Stream};

/// For the way to the server, and again for the whole log-in, so that a server that accepts connections and then says
/// nothing is named as such.
const CONNECT: Duration = Duration::from_secs(5);
const LOG_IN: Duration = Duration::from_secs(15);
/// For each command; writing the access list to a disk takes the longest.
const ANSWER: Duration = Duration::from_secs(10);

/// A session in which the credential was accepted.
pub struct Connection {
    commands: MultiplexedConnection,
    driver: JoinHandle<()>,
    role: Result<Role, EngineError>,
}

impl Connection {
    /// Connects, logs in and asks the server for its role.
    pub async fn open(credential: &Credential) -> Result<Self, EngineError> {
        let late = |what: &str| EngineError::Unreachable(format!("the server did not {what} in time"));
        let log_in = async {
            let connecting = timeout(CONNECT, stream::connect(&credential.place)).await;
            let stream = connecting.unwrap_or_else(|_| Err(late("answer")))?;
            match &credential.place.tls {
                Tls::Verified(trust) => {
                    let stream = stream::secure(stream, &credential.place.host, trust).await?;
                    Self::log_in(stream, credential).await
                }
                Tls::Off => Self::log_in(stream, credential).await,
            }
        };
        timeout(LOG_IN, log_in).await.unwrap_or_else(|_| Err(late("finish the log-in")))
    }

    /// AUTH, then HELLO, which only somebody who is logged in may run. From Redis 6.2 on everybody else may, too; in 6.0 not
    /// without `+hello`, and that refusal says as well that the log-in was accepted. What is missing then is the role, and
    /// only a change needs that.
    async fn log_in(stream: impl Stream, credential: &Credential) -> Result<Self, EngineError> {
        // Whoever names the library first is refused by users that may not, and that refusal is logged.
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER));
        let opened = MultiplexedConnection::new_with_config(&info, stream, config).await;
        let (commands, driver) = opened.map_err(|e| classify("", &e))?;
        let mut connection = Self { commands, driver: tokio::spawn(driver), role: Err(nonsense()) };

        let auth = cmd("AUTH").arg(&credential.user).arg(credential.password.as_str()).to_owned();
        connection.send(&auth).await.map_err(|e| refusal(&e))?;
        connection.role = match connection.send(cmd("HELLO").arg(2)).await {
            Ok(hello) => Ok(role(&from_redis_value(hello).map_err(|_| nonsense())?)?),
            Err(error) => Err(error::role_untold(&error)?),
        };
        Ok(connection)
    }

    /// The answer to a command. The driver hands a refusal over as a value like any other.
    async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.commands.req_packed_command(command).await?.extract_error()
    }

    async fn ask<T: FromRedisValue>(&mut self, name: &str, command: &Cmd) -> Result<T, EngineError> {
        let answer = self.send(command).await.map_err(|e| classify(name, &e))?;
        from_redis_value(answer).map_err(|_| nonsense())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Session for Connection {
    fn role(&self) -> Result<Role, EngineError> {
        self.role.clone()
    }

    async fn user(&mut self, name: &str) -> Result<Option<User>, EngineError> {
        let user: Option<HashMap<String, Value>> = self.ask("acl|getuser", cmd("ACL").arg("GETUSER").arg(name)).await?;
        user.as_ref().map(read_user).transpose()
    }

    async fn edit(&mut self, name: &str, edit: &Edit) -> Result<(), EngineError> {
        let mut command = cmd("ACL");
        command.arg("SETUSER").arg(name);
        for rule in edit.rules() {
            command.arg(rule);
        }
        self.ask("acl|setuser", &command).await
    }

    async fn save(&mut self) -> Result<Saved, EngineError> {
        let Err(error) = self.send(cmd("ACL").arg("SAVE")).await else { return Ok(Saved::Yes) };
        // Only where there is no aclfile are users a part of the configuration.
        if !error::no_acl_file(&error) {
            return error::not_saved("acl|save", &error);
        }
        match self.send(cmd("CONFIG").arg("REWRITE")).await {
            Ok(_) => Ok(Saved::Yes),
            Err(error) => error::not_saved("config|rewrite", &error),
        }
    }
}

fn role(hello: &HashMap<String, Value>) -> Result<Role, EngineError> {
    let text = |field| hello.get(field).and_then(|value| from_redis_value::<String>(value.clone()).ok());
    match (text("mode").as_deref(), text("role").as_deref()) {
        (Some("cluster"), Some(_)) => Ok(Role::ClusterNode),
        (_, Some("master")) => Ok(Role::Primary),
        (_, Some(_)) => Ok(Role::Replica),
        (_, None) => Err(nonsense()),
    }
}

fn read_user(fields: &HashMap<String, Value>) -> Result<User, EngineError> {
    let list = |field| -> Result<Vec<String>, EngineError> {
        let value = fields.get(field).cloned().ok_or_else(nonsense)?;
        from_redis_value(value).map_err(|_| nonsense())
    };
    Ok(User {
        nopass: list("flags")?.iter().any(|flag| flag == "nopass"),
        hashes: list("passwords")?.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests;
