use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::{Decode as _, Encode as _};
use jiff::Timestamp;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::certificate::{Certificate, Signed};
use super::pem;
use crate::functions;
use crate::run::Run;
use crate::value::{Of, Text, Value};
use crate::{Env, Error, Input, render};

/// Keys, certificates and hashes that Go has made.
fn data() -> BTreeMap<String, Text> {
    let file = include_str!("../../tests/vectors/crypto/data.json");
    let file: BTreeMap<String, String> = serde_json::from_str(file).expect("JSON");
    file.into_iter().map(|(name, value)| (name, STANDARD.decode(value).expect("base64").into())).collect()
}

fn env() -> Env {
    Env::new("2026-11-23T03:00:00Z".parse::<Timestamp>().expect("a time"), [7; 32])
}

/// What a function gives for some arguments.
fn call(name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let env = env();
    let run = Run::new(&env, "");
    functions::table().get(name).expect("a function")(&run, arguments)
}

fn text(value: Value) -> Text {
    let Value::Text(text) = value else { panic!("no text: {value:?}") };
    text
}

fn value(text: &Text) -> Value {
    Value::Text(text.clone())
}

fn list(items: &[&str]) -> Value {
    let env = env();
    let run = Run::new(&env, "");
    Value::List(run.list(Of::Any, items.iter().map(|item| Value::from(*item)).collect()).expect("a list"))
}

fn number(number: usize) -> Value {
    Value::int(number)
}

/// A member of a certificate and its key.
fn member(pair: &Value, name: &str) -> Text {
    let Value::Object(object) = pair else { panic!("no pair: {pair:?}") };
    text(object.member(name, &[]).expect("a member").expect("a value"))
}

#[test]
fn bcrypt_hashes_as_go_does() {
    for (name, expected) in data() {
        let Some(password) = name.strip_prefix("bcrypt_") else { continue };
        let expected = expected.utf8().expect("text").to_owned();
        let base64 =
            base64::engine::GeneralPurpose::new(&base64::alphabet::BCRYPT, base64::engine::general_purpose::NO_PAD);
        let salt = base64.decode(&expected[7..29]).expect("a salt").try_into().expect("16 bytes");
        let env = env();
        assert_eq!(super::password::hashed(&Run::new(&env, ""), password.as_bytes(), salt), Ok(expected), "{name}");
    }
    let hashed = text(call("bcrypt", &["x".into()]).expect("a hash"));
    assert!(hashed.starts_with(b"$2a$10$") && hashed.len() == 60);
    let line = text(call("htpasswd", &["me".into(), "x".into(), "bcrypt".into()]).expect("a line"));
    assert!(line.starts_with(b"me:$2a$10$"));
}

#[test]
fn private_keys_are_made_of_each_kind() {
    for (kind, label) in
        [("", b"RSA PRIVATE KEY".as_slice()), ("ecdsa", b"EC PRIVATE KEY"), ("ed25519", b"PRIVATE KEY")]
    {
        let key = text(call("genPrivateKey", &[kind.into()]).expect(kind));
        let (block, rest) = pem::decode(&key);
        assert!(block.expect("a block").kind == label && rest.is_empty(), "{kind}");
        // It signs, so it is a key.
        assert!(call("genCAWithKey", &["ca".into(), number(1), Value::Text(key)]).is_ok(), "{kind}");
    }
    let Err(Error::Failed(words)) = call("genPrivateKey", &["dsa".into()]) else { panic!("a DSA key") };
    assert!(words.contains("DSA keys are not supported"));
}

/// Does the signature fit?
fn is_signed_by(certificate: &[u8], issuer: &[u8]) -> bool {
    let signed = Signed::from_der(certificate).expect("a certificate");
    let key = Signed::from_der(issuer).expect("a certificate").content.public_key;
    let algorithm: &dyn VerificationAlgorithm = match signed.algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.11" => &signature::RSA_PKCS1_2048_8192_SHA256,
        "1.2.840.10045.4.3.2" => &signature::ECDSA_P256_SHA256_ASN1,
        "1.2.840.10045.4.3.3" => &signature::ECDSA_P384_SHA384_ASN1,
        "1.3.101.112" => &signature::ED25519,
        other => panic!("{other}"),
    };
    let message = signed.content.to_der().expect("a message");
    UnparsedPublicKey::new(algorithm, key.key.raw_bytes()).verify(&message, signed.signature.raw_bytes()).is_ok()
}

fn decoded(pem: &[u8]) -> Vec<u8> {
    pem::decode(pem).0.expect("a block").bytes.to_vec()
}

#[test]
fn certificates_say_what_those_of_go_say() {
    let data = data();
    let key = |name: &str| value(&data[name]);
    let root = call(
        "buildCustomCert",
        &[STANDARD.encode(&*data["root_crt"]).as_str().into(), STANDARD.encode(&*data["rsa_pkcs8"]).as_str().into()],
    )
    .expect("a pair");
    let addresses = || list(&["10.0.0.1", "2001:db8::1", "::ffff:10.0.0.2"]);
    let dns = || list(&["a.example", "*.b.example"]);
    let cases = [
        ("issued_ca", "genCAWithKey", vec!["ca".into(), number(365), key("ed25519")]),
        ("issued_ca_star", "genCAWithKey", vec!["c*&ä".into(), number(365), key("p256")]),
        (
            "issued_self",
            "genSelfSignedCertWithKey",
            vec!["self".into(), addresses(), dns(), number(36500), key("rsa_pkcs1")],
        ),
        (
            "issued_empty",
            "genSelfSignedCertWithKey",
            vec!["".into(), Value::Nil, list(&["a.example"]), number(1), key("p384")],
        ),
        ("issued_bare", "genSelfSignedCertWithKey", vec!["x".into(), Value::Nil, Value::Nil, number(0), key("p521")]),
        (
            "issued_signed",
            "genSignedCertWithKey",
            vec!["leaf".into(), list(&["10.0.0.1"]), list(&[]), number(10), root.clone(), key("p256_pkcs8")],
        ),
        (
            "issued_same",
            "genSignedCertWithKey",
            vec!["root".into(), Value::Nil, Value::Nil, number(10), root.clone(), key("ed25519")],
        ),
    ];
    for (name, function, arguments) in cases {
        let made = call(function, &arguments).expect(name);
        let (expected, found) = (decoded(&data[name]), decoded(&member(&made, "Cert")));
        let (Ok(expected), Ok(signed)) = (Signed::from_der(&expected), Signed::from_der(&found)) else {
            panic!("{name}")
        };
        let parts = |signed: &Signed<'_>| {
            let content = &signed.content;
            let extensions = content.extensions.as_ref().expect("extensions").to_der().expect("bytes");
            let algorithms = (signed.algorithm.to_der(), content.algorithm.to_der(), content.public_key.to_der());
            (content.version, algorithms, content.issuer.to_der(), content.subject.to_der(), extensions)
        };
        assert_eq!(parts(&signed), parts(&expected), "{name}");
        // Times have the same form in Go's.
        let tags = |signed: &Signed<'_>| {
            let bytes = signed.content.validity.to_der().expect("bytes");
            let times = Vec::<der::asn1::AnyRef<'_>>::from_der(&bytes);
            times.expect("times").iter().map(der::Tagged::tag).collect::<Vec<_>>()
        };
        assert_eq!(tags(&signed), tags(&expected), "{name}");
        let issuer = if function == "genSignedCertWithKey" { decoded(&data["root_crt"]) } else { found.clone() };
        if name != "issued_bare" {
            assert!(is_signed_by(&found, &issuer), "{name}");
        }
    }
}

#[test]
fn a_certificate_authority_signs() {
    let env = env();
    let run = Run::new(&env, "");
    // In one run, as another one would draw the same key.
    let call = |name, arguments: &[Value]| functions::table().get(name).expect("a function")(&run, arguments);
    let ca = call("genCA", &["ca".into(), number(365)]).expect("a CA");
    let leaf = ["leaf".into(), Value::Nil, list(&["x.example"]), number(10), ca.clone()];
    let leaf = call("genSignedCert", &leaf).expect("a leaf");
    let (ca_cert, leaf_cert) = (decoded(&member(&ca, "Cert")), decoded(&member(&leaf, "Cert")));
    assert!(is_signed_by(&leaf_cert, &ca_cert) && !is_signed_by(&ca_cert, &leaf_cert));
    let (ca_read, leaf_read) = (Certificate::new(&ca_cert).expect("read"), Certificate::new(&leaf_cert).expect("read"));
    assert_eq!(leaf_read.authority_key, ca_read.subject_key);
    assert_eq!(leaf_read.alternative_names, ["x.example"]);
    let key = call("pemToPkcs12", &[Value::Text(member(&leaf, "Cert")), Value::Text(member(&leaf, "Key"))])
        .expect("a keystore");
    let file = STANDARD.decode(&*text(key)).expect("base64");
    let read = text(call("pkcs12cert", &[Value::Text(file.into())]).expect("a certificate"));
    assert_eq!(decoded(&read), leaf_cert);
    assert!(call("genSelfSignedCert", &["x".into(), Value::Nil, Value::Nil, number(usize::MAX)]).is_err());
    assert!(call("genSelfSignedCert", &["x".into(), Value::Nil, Value::Nil, number(4_000_000)]).is_err());
}

#[test]
fn what_is_encrypted_can_be_decrypted() {
    for size in [1, 15, 16, 17, 1000] {
        let plain: Text = (0..size).map(|byte: u32| byte.to_le_bytes()[0]).collect::<Vec<_>>().into();
        let encrypted = call("encryptAES", &["password".into(), value(&plain)]).expect("a text");
        assert!(text(call("decryptAES", &["password".into(), encrypted]).expect("a text")) == plain, "{size}");
    }
}

#[test]
fn a_run_makes_few_keys() {
    let data = data();
    let input = Input::new([("crt", &*data["leaf_crt"]), ("key", &*data["p256"]), ("p12", &*data["p12_slow"])]);
    let slow = [
        "{{ range 1000 }}{{ $x := genPrivateKey \"rsa\" }}{{ end }}",
        "{{ range 1000 }}{{ $x := genCA \"x\" 1 }}{{ end }}",
        "{{ range 1000 }}{{ $x := bcrypt \"x\" }}{{ end }}",
        "{{ range 1000 }}{{ $x := derivePassword 1 \"long\" \"a\" \"b\" \"c\" }}{{ end }}",
        "{{ range 1000 }}{{ $x := pkcs12keyPass \"x\" $.p12 }}{{ end }}",
        "{{ range 1000 }}{{ $x := genPrivateKey \"ecdsa\" }}{{ end }}",
    ];
    for template in slow {
        assert_eq!(render(template, &input, &env()).err(), Some(Error::TooManySteps), "{template}");
    }
}

#[test]
fn no_error_quotes_a_value() {
    let functions: [(&str, usize); 24] = [
        ("filterPEM", 2),
        ("filterCertChain", 2),
        ("certSANs", 1),
        ("jwkPublicKeyPem", 1),
        ("jwkPrivateKeyPem", 1),
        ("rsaDecrypt", 4),
        ("pkcs12key", 1),
        ("pkcs12keyPass", 2),
        ("pkcs12cert", 1),
        ("pkcs12certPass", 2),
        ("pemToPkcs12", 2),
        ("pemToPkcs12Pass", 3),
        ("fullPemToPkcs12", 2),
        ("fullPemToPkcs12Pass", 3),
        ("pemTruststoreToPKCS12", 1),
        ("pemTruststoreToPKCS12Pass", 2),
        ("buildCustomCert", 2),
        ("decryptAES", 2),
        ("encryptAES", 2),
        ("toYaml", 1),
        ("genPrivateKey", 1),
        ("bcrypt", 1),
        ("htpasswd", 3),
        ("fromYaml", 1),
    ];
    for secret in [
        "s3cr3t",
        "{\"kty\":\"s3cr3t\"}",
        "-----BEGIN s3cr3t-----\nczNjcjN0\n-----END s3cr3t-----\n",
        "{s3cr3t: [",
        "s3cr3t: *s3cr3t",
    ] {
        for (name, count) in functions {
            if let Err(error) = call(name, &vec![Value::from(secret); count]) {
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains("s3cr3t") && !shown.contains("czNj"), "{name}: {shown}");
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(at in 0usize..4000, byte: u8, cut in 0usize..4000) {
        let data = data();
        // Bytes of real files, one changed, or cut short.
        for name in ["p12_rc2", "p12_2026", "p12_none", "named_crt", "rsa_pkcs8", "p521", "ed25519", "jwk_p384"] {
            let mut bytes = match pem::decode(&data[name]).0 {
                Some(block) => block.bytes.to_vec(),
                None => data[name].to_vec(),
            };
            let place = at % bytes.len();
            bytes[place] = byte;
            bytes.truncate(1 + cut % bytes.len().max(1).max(cut));
            let file = Value::Text(bytes.clone().into());
            drop(call("pkcs12keyPass", &["wrong".into(), file.clone()]));
            drop(call("jwkPrivateKeyPem", &[file]));
            for kind in [b"CERTIFICATE".as_slice(), b"PRIVATE KEY", b"EC PRIVATE KEY"] {
                let pem = Value::Text(pem::encode(kind, &bytes).as_slice().into());
                drop(call("certSANs", std::slice::from_ref(&pem)));
                drop(call("pemToPkcs12", &[value(&data["leaf_crt"]), pem.clone()]));
                drop(call("pemTruststoreToPKCS12", &[pem]));
            }
        }
    }

    #[test]
    fn any_numbers_are_a_key_or_refused(numbers in proptest::array::uniform5(proptest::collection::vec(0u8..=255, 0..130)), small in proptest::array::uniform5(0u8..8)) {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let jwk = |numbers: [&[u8]; 5]| {
            let members = ["n", "e", "d", "p", "q"].into_iter().zip(numbers);
            let members = members.map(|(name, number)| (name.to_owned(), URL_SAFE_NO_PAD.encode(number).into()));
            let kind = [("kty".to_owned(), "RSA".into())];
            serde_json::Value::Object(kind.into_iter().chain(members).collect()).to_string()
        };
        let [n, e, d, p, q] = &numbers;
        drop(call("jwkPrivateKeyPem", &[jwk([n, e, d, p, q]).as_str().into()]));
        drop(call("jwkPrivateKeyPem", &[jwk(small.each_ref().map(std::slice::from_ref)).as_str().into()]));
        drop(call("jwkPrivateKeyPem", &[jwk([n, &[1, 0, 1], d, &small[..1], q]).as_str().into()]));
    }

    #[test]
    fn any_text_is_searched_for_blocks(text in "(-----BEGIN |-----END |X|-----|\n|\r|:| |aGVsbG8=|a){0,40}") {
        let blocks: Vec<_> = pem::blocks(text.as_bytes()).collect();
        for block in blocks {
            let again = pem::decode(&block.encode()).0.expect("a block");
            proptest::prop_assert!(again.bytes == block.bytes);
        }
    }
}
