//! Limits, refusals, and what they say.

use super::*;
use crate::limits;

#[test]
fn what_takes_long_counts() {
    let data = data();
    let pair = |key: &str| [value(&data["leaf_crt"]), value(&data[key])];
    let slow: [(&str, &[Value]); 11] = [
        ("genPrivateKey", &["rsa".into()]),
        ("genPrivateKey", &["ecdsa".into()]),
        ("genCA", &["x".into(), number(1)]),
        ("genCAWithKey", &["x".into(), number(1), value(&data["rsa_pkcs8"])]),
        ("bcrypt", &["x".into()]),
        ("htpasswd", &["x".into(), "x".into(), "bcrypt".into()]),
        ("derivePassword", &[number(1), "long".into(), "a".into(), "b".into(), "c".into()]),
        ("pkcs12keyPass", &["x".into(), value(&data["p12_slow"])]),
        ("pemToPkcs12", &pair("p256")),
        ("rsaDecrypt", &["RSA-OAEP".into(), "SHA1".into(), value(&data["sealed_SHA1"]), value(&data["rsa_pkcs8"])]),
        ("jwkPrivateKeyPem", &[value(&data["jwk_rsa"])]),
    ];
    for (name, arguments) in slow {
        let env = env();
        let run = Run::new(&env, "");
        run.steps(limits::STEPS - 400).expect("steps");
        let found = functions::table().get(name).expect("a function")(&run, arguments);
        assert_eq!(found.err(), Some(Error::TooManySteps), "{name}");
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
    fn any_bytes_are_read_or_refused(at in 0usize..4000, byte: u8, cut in 1usize..8000) {
        let data = data();
        // Bytes of real files, one changed, or cut short.
        for name in ["p12_rc2", "p12_2026", "p12_none", "named_crt", "rsa_pkcs8", "p521", "ed25519", "jwk_p384"] {
            let mut bytes = match pem::decode(&data[name]).0 {
                Some(block) => block.bytes.to_vec(),
                None => data[name].to_vec(),
            };
            let place = at % bytes.len();
            bytes[place] = byte;
            bytes.truncate(cut);
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
