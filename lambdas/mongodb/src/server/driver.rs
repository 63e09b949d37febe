//! The server behind MongoDB's own driver.
//!
//! The driver talks to the one host that the secret names and to no other, not even to those that the server says
//! belong to its replica set: the master's password is for that host alone. It repeats nothing by itself.

use std::sync::Arc;
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::{ClientOptions, Credential as Login, ServerAddress, TlsOptions};
use rekey_rotation::engine::EngineError;
use rekey_rotation::place::{Place, Tls};
use rekey_rotation::tls;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::roots::RootsFile;
use super::{Grants, Server, Session};
use crate::credential::Credential;
use crate::error::classify;

const CONNECT: Duration = Duration::from_secs(5);
/// For the whole log-in, so that a server that accepts connections and then says nothing is named as such.
const LOG_IN: Duration = Duration::from_secs(15);

/// MongoDB and DocumentDB.
#[derive(Clone, Copy, Debug)]
pub struct Driver;

/// A session.
pub struct Connected {
    client: Client,
    /// The driver reads it whenever it connects.
    _roots: Option<RootsFile>,
}

impl Server for Driver {
    type Session = Connected;

    async fn open(&self, credential: &Credential) -> Result<Connected, EngineError> {
        let silent = |_| EngineError::Unreachable("the server did not finish the log-in in time".to_owned());
        timeout(LOG_IN, log_in(credential)).await.map_err(silent)?
    }
}

async fn log_in(credential: &Credential) -> Result<Connected, EngineError> {
    knock(&credential.place).await?;
    let roots = match &credential.place.tls {
        Tls::Verified(trust) => Some(RootsFile::write(trust)?),
        Tls::Off => None,
    };
    let client = Client::with_options(options(credential, roots.as_ref())).map_err(|e| classify(&e))?;
    let session = Connected { client, _roots: roots };
    match session.run(&credential.database, doc! { "connectionStatus": 1 }).await {
        Ok(_) => Ok(session),
        Err(error) => {
            session.close().await;
            Err(error)
        }
    }
}

/// Connects, and says goodbye when the server has proven who it is. The driver only ever says that there is no server;
/// why not, rustls knows.
async fn knock(place: &Place) -> Result<(), EngineError> {
    let unreachable = || EngineError::Unreachable("no connection".to_owned());
    let connect = TcpStream::connect((place.host.as_str(), place.port));
    let stream = timeout(CONNECT, connect).await.map_err(|_| unreachable())?.map_err(|_| unreachable())?;
    let Tls::Verified(trust) = &place.tls else { return Ok(()) };
    let failed = |reason: Option<String>| EngineError::Tls(reason.unwrap_or_else(|| "the handshake failed".to_owned()));
    let config = tls::client_config(trust).map_err(|e| failed(Some(e.to_string())))?;
    let name = ServerName::try_from(place.host.clone()).map_err(|_| failed(None))?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
    handshake.await.map(drop).map_err(|error| failed(tls::reason(&error)))
}

fn options(credential: &Credential, roots: Option<&RootsFile>) -> ClientOptions {
    let login = Login::builder()
        .username(credential.user.clone())
        .password(credential.password.to_string())
        .source(credential.database.clone())
        .build();
    let tls = match roots {
        Some(roots) => TlsOptions::builder().ca_file_path(roots.path.clone()).build().into(),
        None => mongodb::options::Tls::Disabled,
    };
    ClientOptions::builder()
        .hosts(vec![ServerAddress::Tcp { host: credential.place.host.clone(), port: Some(credential.place.port) }])
        .app_name("rekey-rotation".to_owned())
        .connect_timeout(CONNECT)
        .server_selection_timeout(CONNECT)
        .credential(login)
        .direct_connection(true)
        .max_pool_size(1)
        // A log-in that is refused is refused once; and DocumentDB has no writes that could be repeated.
        .retry_reads(false)
        .retry_writes(false)
        .tls(tls)
        .build()
}

impl Connected {
    async fn run(&self, database: &str, command: Document) -> Result<Document, EngineError> {
        self.client.database(database).run_command(command).await.map_err(|e| classify(&e))
    }

    /// The same past the log-in, where nothing may say "auth" any more: the credential was accepted.
    async fn act(&self, database: &str, command: Document) -> Result<Document, EngineError> {
        match self.run(database, command).await {
            Err(EngineError::Auth(code)) => Err(EngineError::Privilege(code)),
            answer => answer,
        }
    }
}

impl Session for Connected {
    async fn grants(&mut self, database: &str, user: &str) -> Result<Option<Grants>, EngineError> {
        let ask = doc! { "usersInfo": { "user": user, "db": database } };
        let mut detailed = ask.clone();
        detailed.insert("showAuthenticationRestrictions", true);
        let answer = match self.client.database(database).run_command(detailed).await {
            // DocumentDB has neither the field nor what it would show.
            Err(error) if matches!(&*error.kind, ErrorKind::Command(refused) if refused.code != UNAUTHORIZED) => {
                self.act(database, ask).await?
            }
            Err(error) => return Err(classify(&error)),
            Ok(answer) => answer,
        };
        Ok(answer.get_array("users").ok().and_then(|users| users.first()).and_then(Bson::as_document).map(read))
    }

    async fn set_password(&mut self, to: &Credential) -> Result<(), EngineError> {
        let command = doc! { "updateUser": &to.user, "pwd": to.password.as_str() };
        self.act(&to.database, command).await.map(drop)
    }

    async fn set_all(&mut self, to: &Credential, grants: &Grants, before: &Grants) -> Result<(), EngineError> {
        let mut command = doc! { "updateUser": &to.user, "pwd": to.password.as_str(), "roles": grants.roles.clone() };
        if grants.restrictions != before.restrictions {
            command.insert("authenticationRestrictions", grants.restrictions.clone());
        }
        self.act(&to.database, command).await.map(drop)
    }

    async fn create(&mut self, user: &Credential, grants: &Grants) -> Result<(), EngineError> {
        let (name, password) = (&user.user, user.password.as_str());
        let mut command = doc! { "createUser": name, "pwd": password, "roles": grants.roles.clone() };
        if !grants.restrictions.is_empty() {
            command.insert("authenticationRestrictions", grants.restrictions.clone());
        }
        self.act(&user.database, command).await.map(drop)
    }

    async fn close(self) {
        self.client.shutdown().immediate(true).await;
    }
}

const UNAUTHORIZED: i32 = 13;

fn read(user: &Document) -> Grants {
    let list = |field| user.get_array(field).cloned().unwrap_or_default();
    Grants { roles: list("roles"), restrictions: list("authenticationRestrictions") }
}

#[cfg(test)]
mod tests;
