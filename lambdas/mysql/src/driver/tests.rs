//! Servers that are none: what they get to see, and what is made of it. A real one is in `tests/tests/mariadb`.

use rekey_rotation::secret::SecretDocument;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use super::*;
use crate::verifier::native;

fn credential(port: u16, more: &str) -> Credential {
    let text = format!(r#"{{"host":"127.0.0.1","port":{port},"username":"appuser","password":"hunter2"{more}}}"#);
    Credential::read(&SecretDocument::parse(Zeroizing::new(text)).unwrap()).unwrap()
}

/// CLIENT_SSL among the capabilities of a server.
const SSL: u32 = 0x0800;

/// The first packet of a server with those capabilities that authenticates by that plugin.
fn greeting(capabilities: u32, plugin: &str) -> Vec<u8> {
    // CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION, CLIENT_PLUGIN_AUTH and what everybody has
    let capabilities = (0x0008_8200 | capabilities).to_le_bytes();
    let mut body = vec![10];
    body.extend(b"8.4.0\0");
    body.extend([1, 0, 0, 0]);
    body.extend(b"saltsalt\0");
    body.extend(&capabilities[..2]);
    body.extend([45, 2, 0]);
    body.extend(&capabilities[2..]);
    body.push(21);
    body.extend([0; 10]);
    body.extend(b"saltsaltsalt\0");
    body.extend(plugin.as_bytes());
    body.push(0);
    packet(0, &body)
}

fn packet(number: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    [&length[..3], &[number], body].concat()
}

/// A server that says these things, one after each packet it gets; it answers with all that it saw.
async fn serve(says: Vec<Vec<u8>>) -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        for (index, said) in says.into_iter().enumerate() {
            if index > 0 {
                let mut some = [0; 4096];
                let length = stream.read(&mut some).await.unwrap();
                seen.extend(&some[..length]);
            }
            stream.write_all(&said).await.unwrap();
        }
        stream.shutdown().await.unwrap();
        // The client may reset the connection.
        let _ = stream.read_to_end(&mut seen).await;
        seen
    });
    (port, server)
}

/// What a server that says these things sees in all, and what the client makes of it.
async fn meet(says: Vec<Vec<u8>>, more: &str) -> (EngineError, Vec<u8>) {
    let (port, server) = serve(says).await;
    let refused = Driver.open(&credential(port, more)).await.err().expect("no such server can be logged in to");
    (refused, server.await.unwrap())
}

fn holds(seen: &[u8], text: &str) -> bool {
    seen.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn b8_a_server_without_tls_gets_no_authentication_packet() {
    let (error, seen) = meet(vec![greeting(0, "caching_sha2_password")], "").await;
    assert_eq!(error, EngineError::Tls("the server does not offer TLS".to_owned()));
    assert_eq!(seen, b"", "neither user nor password followed");
}

#[tokio::test]
async fn b8_a_refused_tls_connection_is_not_retried_in_plaintext() {
    let (error, seen) =
        meet(vec![greeting(SSL, "caching_sha2_password"), b"nonsense instead of a certificate".to_vec()], "").await;
    assert_eq!(error.kind().as_str(), "tls");
    assert!(!holds(&seen, "appuser") && !holds(&seen, "hunter2"), "only the request, the hello, and perhaps an alert");
}

#[tokio::test]
async fn a_server_that_asks_for_the_password_in_clear_text_does_not_get_it() {
    let ask = packet(2, b"\xFEmysql_clear_password\0");
    let (error, seen) = meet(vec![greeting(0, "mysql_native_password"), ask], r#","ssl":false"#).await;
    assert!(matches!(error, EngineError::Unfit(_)) && error.to_string().contains("clear text"), "{error}");
    assert!(holds(&seen, "appuser") && !holds(&seen, "hunter2"));
}

#[tokio::test]
async fn an_account_of_an_unknown_plugin_is_named_as_the_cause() {
    let ask = packet(2, b"\xFEauth_gssapi_client\0principal");
    let (error, _) = meet(vec![greeting(0, "mysql_native_password"), ask], r#","ssl":false"#).await;
    assert_eq!(error, EngineError::Unfit(crate::error::OTHER_PLUGIN));
}

#[tokio::test]
async fn a_server_that_is_full_blocks_us_or_is_none_is_unreachable() {
    for (said, part) in [
        (packet(0, b"\xFF\x10\x04Too many connections for db.example"), "error 1040"),
        (packet(0, b"\xFF\x69\x04Host 'x' is blocked"), "error 1129"),
        (packet(0, b"\xFF\x6A\x04Host 'x' is not allowed"), "error 1130"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), ""),
        (Vec::new(), "cut"),
    ] {
        let (error, seen) = meet(vec![said], "").await;
        assert_eq!(error.kind().as_str(), "unreachable", "{error}");
        assert!(error.to_string().contains(part) && !error.to_string().contains("db.example"), "{error}");
        assert!(!holds(&seen, "appuser"));
    }
}

/// An answer of one row, of text.
fn answer(row: &[&[u8]]) -> Vec<u8> {
    let text = |bytes: &[u8]| [&[u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let mut column: Vec<u8> = [&b"def"[..], b"", b"", b"", b"a", b""].into_iter().flat_map(text).collect();
    column.extend([12, 45, 0, 255, 0, 0, 0, 253, 0, 0, 0, 0, 0]);
    let end = b"\xFE\0\0\x02\0".to_vec();
    let mut bodies = vec![vec![u8::try_from(row.len()).unwrap()]];
    bodies.extend(row.iter().map(|_| column.clone()));
    bodies.push(end.clone());
    bodies.push(row.iter().copied().flat_map(text).collect());
    bodies.push(end);
    (1..).zip(bodies).flat_map(|(number, body)| packet(number, &body)).collect()
}

#[tokio::test]
async fn an_answer_that_is_not_as_asked_for_is_an_error_and_no_panic() {
    let fine = |number| packet(number, b"\0\0\0\x02\0\0\0");
    for row in [&[&b"\xFF\xFE"[..], b"hidden@%", b"0"][..], &[b"8.4.0", b"hidden@%", b"maybe"], &[b"8.4.0"]] {
        let says = vec![greeting(0, "mysql_native_password"), fine(2), fine(1), fine(1), answer(row)];
        let (error, _) = meet(says, r#","ssl":false"#).await;
        assert_eq!(error, EngineError::Unreachable(NONSENSE.to_owned()));
    }
}

/// A session of a server that answers the questions of its beginning, and then says these things.
async fn session(then: Vec<Vec<u8>>) -> (Connection, JoinHandle<Vec<u8>>) {
    let fine = |number| packet(number, b"\0\0\0\x02\0\0\0");
    let begin = answer(&[b"8.4.0", b"appuser@%", b"0"]);
    let says = [vec![greeting(0, "mysql_native_password"), fine(2), fine(1), fine(1), begin], then].concat();
    let (port, server) = serve(says).await;
    (Driver.open(&credential(port, r#","ssl":false"#)).await.unwrap(), server)
}

#[tokio::test]
async fn the_lock_is_taken_in_the_session_and_is_not_kept_for_one_that_is_dead() {
    for (answered, taken) in [(&b"1"[..], true), (b"0", false)] {
        let (mut session, server) = session(vec![packet(1, b"\0\0\0\x02\0\0\0"), answer(&[answered])]).await;
        let lock = session.lock("appuser").await;
        assert_eq!(lock, if taken { Ok(()) } else { Err(EngineError::Busy(lock::TAKEN.to_owned())) });
        session.close().await;
        let seen = server.await.unwrap();
        assert!(holds(&seen, &format!("SELECT GET_LOCK('{}', 10)", lock::name("appuser"))));
        assert!(holds(&seen, "SET SESSION wait_timeout = 30"));
    }
}

#[tokio::test]
async fn an_account_s_second_password_is_seen_where_mysql_keeps_it() {
    let second = native("two");
    let created = format!("CREATE USER `app`@`%` IDENTIFIED WITH 'mysql_native_password' AS '{}'", native("one"));
    let says = [second.as_str(), &created, "GRANT USAGE ON *.* TO `app`@`%`"].map(|row| answer(&[row.as_bytes()]));
    let (mut session, server) = session(says.into()).await;
    let there = session.describe(&Account::parse("app@%").unwrap()).await.unwrap().unwrap();
    let matches = |verifier: Option<Verifier>, password| verifier.and_then(|verifier| verifier.matches(password));
    assert_eq!((matches(there.verifier, "one"), matches(there.second, "two")), (Some(true), Some(true)));
    session.close().await;
    let asked = "SELECT User_attributes->>'$.additional_password' FROM mysql.user WHERE User = 'app' AND Host = '%'";
    assert!(holds(&server.await.unwrap(), asked));
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = Driver.open(&credential(port, "")).await.err().unwrap();
    assert_eq!(error, EngineError::Unreachable("no connection".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let error = Driver.open(&credential(port, "")).await.err().unwrap();
    assert!(error.to_string().contains("did not finish the log-in in time"), "{error}");
}

#[test]
fn a_certificate_that_is_none_is_named_as_the_field() {
    let error = options(&credential(3306, r#","sslrootcert":"hunter2""#)).err().unwrap();
    assert!(error.kind().as_str() == "tls" && error.to_string().contains("sslrootcert"), "{error}");
}
