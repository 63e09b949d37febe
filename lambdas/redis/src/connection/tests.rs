//! What servers of several versions answer, as they stand in their sources and documentation.

use std::collections::BTreeSet;

use rekey_rotation::secret::SecretDocument;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const REDIS_7_HELLO: &str = "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:3\r\n\
                             $4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n";
/// Of Redis 6.0, which lets nobody run HELLO by right; and of a proxy, or a server that has renamed it.
const NO_HELLO: &str = "-NOPERM this user has no permissions to run the 'hello' command or its subcommand\r\n";
const UNKNOWN: &str = "-ERR unknown command `HELLO`, with args beginning with: `2`, \r\n";
/// Of Redis 5, whose AUTH takes a password alone.
const ONE_PASSWORD: &str = "-ERR wrong number of arguments for 'auth' command\r\n";
const USER_OF_6_0: &str = "*8\r\n$5\r\nflags\r\n*2\r\n$2\r\non\r\n$7\r\nallkeys\r\n$9\r\npasswords\r\n*1\r\n$3\r\nabc\r\n\
                           $8\r\ncommands\r\n$10\r\n-@all +get\r\n$4\r\nkeys\r\n*1\r\n$1\r\n*\r\n";
/// Keys became a text, channels and selectors were added, `allkeys` is no flag any more.
const USER_OF_7: &str = "*12\r\n$5\r\nflags\r\n*1\r\n$2\r\non\r\n$9\r\npasswords\r\n*1\r\n$3\r\nabc\r\n\
                         $8\r\ncommands\r\n$10\r\n-@all +get\r\n$4\r\nkeys\r\n$2\r\n~*\r\n$8\r\nchannels\r\n$0\r\n\r\n\
                         $9\r\nselectors\r\n*1\r\n*6\r\n$8\r\ncommands\r\n$5\r\n-@all\r\n$4\r\nkeys\r\n$0\r\n\r\n$8\r\nchannels\r\n$0\r\n\r\n";

/// The first word of the next command.
async fn command(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let words: usize = line.trim().strip_prefix('*')?.parse().ok()?;
    let mut first = None;
    for _ in 0..words {
        let mut length = String::new();
        stream.read_line(&mut length).await.ok()?;
        let mut word = vec![0; length.trim().strip_prefix('$')?.parse::<usize>().ok()? + 2];
        stream.read_exact(&mut word).await.ok()?;
        first.get_or_insert_with(|| String::from_utf8_lossy(&word).trim().to_owned());
    }
    first
}

/// A log-in at a server that gives these answers.
async fn meet(answers: &'static [(&'static str, &'static str)]) -> Result<Connection, EngineError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        while let Some(asked) = command(&mut stream).await {
            let answer = answers.iter().find(|(command, _)| *command == asked).map(|(_, answer)| *answer);
            stream.write_all(answer.unwrap_or("-ERR unknown command\r\n").as_bytes()).await.unwrap();
        }
    });
    let text = format!(r#"{{"host":"127.0.0.1","port":{port},"ssl":false,"username":"app","password":"p"}}"#);
    Connection::open(&Credential::read(&SecretDocument::parse(text.into())?)?).await
}

#[tokio::test]
async fn a_user_whom_redis_6_0_does_not_let_ask_for_the_servers_role_is_logged_in_all_the_same() {
    let session = meet(&[("AUTH", "+OK\r\n"), ("HELLO", NO_HELLO)]).await.unwrap();
    let error = session.role().unwrap_err();
    assert!(error.kind().as_str() == "privilege" && error.to_string().contains("allow +hello"), "{error}");

    let session = meet(&[("AUTH", "+OK\r\n"), ("HELLO", UNKNOWN)]).await.unwrap();
    let error = session.role().unwrap_err();
    assert!(error.kind().as_str() == "refused" && error.to_string().contains("not through a proxy"), "{error}");
}

#[tokio::test]
async fn a_server_from_before_users_is_refused_with_a_sentence() {
    let error = meet(&[("AUTH", ONE_PASSWORD)]).await.err().unwrap();
    assert!(error.kind().as_str() == "refused" && error.to_string().contains("older than Redis 6"), "{error}");
    let full = meet(&[("AUTH", "-ERR max number of clients reached\r\n")]).await.err().unwrap();
    assert_eq!(full.kind().as_str(), "unreachable");
    let refused = meet(&[("AUTH", "+OK\r\n"), ("HELLO", "-NOAUTH Authentication required.\r\n")]).await.err().unwrap();
    assert_eq!(refused.kind().as_str(), "unreachable", "whoever accepts a password and then forgets it");
}

#[tokio::test]
async fn users_are_read_as_redis_6_and_7_show_them() {
    let expected = User { nopass: false, hashes: BTreeSet::from(["abc".to_owned()]) };
    for answers in [
        &[("AUTH", "+OK\r\n"), ("HELLO", REDIS_7_HELLO), ("ACL", USER_OF_6_0)],
        &[("AUTH", "+OK\r\n"), ("HELLO", REDIS_7_HELLO), ("ACL", USER_OF_7)],
    ] {
        let mut session = meet(answers).await.unwrap();
        assert_eq!(session.role(), Ok(Role::Primary));
        assert_eq!(session.user("app").await.unwrap().unwrap(), expected);
    }
    let mut nobody = meet(&[("AUTH", "+OK\r\n"), ("HELLO", REDIS_7_HELLO), ("ACL", "$-1\r\n")]).await.unwrap();
    assert_eq!(nobody.user("app").await.unwrap(), None);
}
