package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"net/url"
	"os"
	"strings"
	"text/template"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"
	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// The keys, certificates and keystores that the templates read. They were made for these tests and protect nothing;
// data.json is kept, so that the vectors stay the same. Delete it to make new ones.
func data() map[string]string {
	kept := map[string]string{}
	if text, err := os.ReadFile("data.json"); err == nil {
		must(json.Unmarshal(text, &kept))
		return kept
	}
	for name, value := range make_data() {
		kept[name] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	write("data.json", kept)
	return kept
}

func pkcs8(key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	return toPEM("PRIVATE KEY", der)
}

func sec1(key *ecdsa.PrivateKey) string {
	der, err := x509.MarshalECPrivateKey(key)
	must(err)
	return toPEM("EC PRIVATE KEY", der)
}

func asJWK(key any) string {
	parsed, err := jwk.FromRaw(key)
	must(err)
	text, err := json.Marshal(parsed)
	must(err)
	return string(text)
}

var serial int64

func issue(template, parent *x509.Certificate, public, private any) *x509.Certificate {
	serial++
	template.SerialNumber = big.NewInt(serial)
	template.NotBefore = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	template.NotAfter = time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)
	template.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, private)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	return cert
}

func make_data() map[string]string {
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	rsa3072, err := rsa.GenerateKey(rand.Reader, 3072)
	must(err)
	ec := map[string]*ecdsa.PrivateKey{}
	for name, curve := range map[string]elliptic.Curve{"p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521(), "p224": elliptic.P224()} {
		ec[name], err = ecdsa.GenerateKey(curve, rand.Reader)
		must(err)
	}
	public, ed, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	values := map[string]string{
		"empty": "", "junk": "some junk", "dashes": "---junk---",
		"rsa_pkcs1": toPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsa2048)), "rsa_pkcs8": pkcs8(rsa2048), "rsa3072": pkcs8(rsa3072),
		"ed25519": pkcs8(ed), "jwk_rsa": asJWK(rsa2048), "jwk_rsa_pub": asJWK(&rsa2048.PublicKey), "jwk_ed": asJWK(ed), "jwk_ed_pub": asJWK(public),
		"rsa_as_pkcs8":  strings.ReplaceAll(toPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsa2048)), "RSA ", ""),
		"encrypted_pem": "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,1234\n\naGVsbG8=\n-----END RSA PRIVATE KEY-----\n",
		"odd_headers":   "-----BEGIN X-----\nb:  two \na: one\nProc-Type: 4\n\naGVsbG8=\n-----END X-----\n",
		"no_blank":      "-----BEGIN X-----\na: one\naGVsbG8=\n-----END X-----\n",
		"empty_block":   "-----BEGIN X-----\n-----END X-----\n", "empty_block2": "-----BEGIN X-----\n\n-----END X-----\n",
		"crlf": "-----BEGIN X-----\r\naGVs\r\nbG8=\r\n-----END X-----\r\nrest", "blanks": "-----BEGIN X-----  \n aGVs bG8= \t\n-----END X-----  \t\nrest",
		"no_end": "-----BEGIN X-----\naGVsbG8=\n", "wrong_end": "-----BEGIN X-----\naGVsbG8=\n-----END Y-----\n-----BEGIN X-----\nd29ybGQ=\n-----END X-----\n",
		"twice": "-----BEGIN X-----\n-----BEGIN X-----\naGVsbG8=\n-----END X-----\n", "bad64": "-----BEGIN X-----\naGVsbG8\n-----END X-----\n-----BEGIN X-----\nd29ybGQ=\n-----END X-----\n",
		"spare_bits": "-----BEGIN X-----\naGVsbG9=\n-----END X-----\n", "mid_line": "x-----BEGIN X-----\naGVsbG8=\n-----END X-----\n", "trailing": "-----BEGIN X-----\naGVsbG8=\n-----END X-----x\n",
		"oneline": "-----BEGIN X----- aGVsbG8= -----END X-----", "long": toPEM("X", []byte(strings.Repeat("long ", 40))), "exact": toPEM("X", make([]byte, 48)), "no_type": "-----BEGIN -----\naGVsbG8=\n-----END -----\n",
		"jwk_oct": `{"kty":"oct","k":"aGVsbG8"}`, "jwk_none": `{"kty":"x"}`, "jwk_bad": `{`, "jwk_list": `[]`,
		"jwk_x25519":  `{"kty":"OKP","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}`,
		"jwk_off":     `{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}`,
		"jwk_no_e":    `{"kty":"RSA","n":"AQAB"}`,
		"jwk_no_kind": `{"n":"AQAB","e":"AQAB"}`,
	}
	for name, key := range ec {
		values[name] = sec1(key)
		values[name+"_pkcs8"] = pkcs8(key)
		if name != "p224" {
			values["jwk_"+name] = asJWK(key)
			values["jwk_"+name+"_pub"] = asJWK(&key.PublicKey)
		}
	}
	type short struct {
		Version    int
		PrivateKey []byte
		Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	}
	small := big.NewInt(77).Bytes()
	der, err := asn1.Marshal(short{1, small, asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}})
	must(err)
	values["p256_short"] = toPEM("EC PRIVATE KEY", der)
	for _, name := range []string{"SHA1", "SHA256", "SHA512"} {
		sealed, err := rsa.EncryptOAEP(hashOf(name), rand.Reader, &rsa2048.PublicKey, []byte("s3cret\x00é"), nil)
		must(err)
		values["sealed_"+name] = string(sealed)
	}

	root := &x509.Certificate{Subject: pkix.Name{CommonName: "root"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	rootCert := issue(root, root, rsa2048.Public(), rsa2048)
	middle := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "intermediate"}, IsCA: true}, rootCert, ec["p384"].Public(), rsa2048)
	second := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "second"}, IsCA: true}, middle, ec["p521"].Public(), ec["p384"])
	leaf := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "leaf"}, DNSNames: []string{"leaf.example"}}, second, ec["p256"].Public(), ec["p521"])
	other := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "other"}, SubjectKeyId: []byte{1, 2, 3}}, middle, public, ec["p384"])
	uri := func(text string) *url.URL {
		parsed, err := url.Parse(text)
		must(err)
		return parsed
	}
	named := &x509.Certificate{
		Subject: pkix.Name{
			CommonName: `na,me +"q" <x>;\`, SerialNumber: "12", Country: []string{"DE", "FR"}, Organization: []string{"#Acme & Co*", " sp "}, OrganizationalUnit: []string{"ünit"},
			Locality: []string{"L"}, Province: []string{"P"}, StreetAddress: []string{"S"}, PostalCode: []string{"1"},
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: "extra"}, {Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, Value: "dömain"}},
		},
		DNSNames: []string{"a.example", "*.b.example"}, IPAddresses: []net.IP{net.ParseIP("192.168.1.10"), net.ParseIP("2001:db8::1"), net.ParseIP("::ffff:10.0.0.1"), net.ParseIP("::")},
		EmailAddresses: []string{"admin@example.com"}, URIs: []*url.URL{uri("https://example.com/a?b=c#d"), uri("spiffe://x/y")},
	}
	namedCert := issue(named, named, ec["p256"].Public(), ec["p256"])
	bareTemplate := &x509.Certificate{Subject: pkix.Name{CommonName: "bare"}}
	bare := issue(bareTemplate, bareTemplate, ec["p256"].Public(), ec["p256"])
	nobody := &x509.Certificate{}
	nobodyCert := issue(nobody, nobody, ec["p256"].Public(), ec["p256"])
	self := &x509.Certificate{Subject: pkix.Name{CommonName: "self"}, SubjectKeyId: []byte{9}, AuthorityKeyId: []byte{9}}
	selfCert := issue(self, self, ec["p256"].Public(), ec["p256"])
	for name, cert := range map[string]*x509.Certificate{"root_crt": rootCert, "middle_crt": middle, "second_crt": second, "leaf_crt": leaf, "other_crt": other, "named_crt": namedCert, "bare_crt": bare, "self_crt": selfCert, "nobody_crt": nobodyCert} {
		values[name] = toPEM("CERTIFICATE", cert.Raw)
	}
	values["broken_crt"] = toPEM("CERTIFICATE", leaf.Raw[:100])
	full := values["leaf_crt"] + values["second_crt"] + values["middle_crt"] + values["root_crt"]
	mixed := values["root_crt"] + values["leaf_crt"] + values["middle_crt"] + values["second_crt"]
	values["full_chain"], values["mixed_chain"] = full, mixed
	binary := func(text string) string {
		out, err := base64.StdEncoding.DecodeString(text)
		must(err)
		return string(out)
	}
	for name, encoder := range map[string]*pkcs12.Encoder{"rc2": pkcs12.LegacyRC2, "des": pkcs12.LegacyDES, "2023": pkcs12.Modern2023, "2026": pkcs12.Modern2026} {
		values["p12_"+name] = binary(keystore(encoder, values["p256"], mixed[len(values["root_crt"]):]+values["root_crt"], "pässword"))
		values["p12_"+name+"_empty"] = binary(keystore(encoder, values["p256"], values["leaf_crt"], ""))
	}
	for _, name := range []string{"rsa_pkcs1", "p384", "p521", "ed25519"} {
		values["p12_key_"+name] = binary(keystore(pkcs12.Modern, values[name], values["leaf_crt"], "x"))
	}
	values["p12_none"] = binary(keystore(pkcs12.Passwordless, values["p256"], values["leaf_crt"]+values["other_crt"], ""))
	values["p12_slow"] = binary(keystore(pkcs12.Modern2023.WithIterations(20000), values["p256"], values["leaf_crt"], "x"))
	all, err := certificates(mixed)
	must(err)
	store, err := pkcs12.Modern.EncodeTrustStore(all, "x")
	must(err)
	values["p12_trust"] = string(store)
	for name, text := range map[string]string{
		"aes_text": `{{ encryptAES "key" "s3cret é" }}`, "aes_block": `{{ encryptAES "0123456789abcdef0123456789abcdef-more" "0123456789abcdef" }}`,
		"bcrypt_": `{{ bcrypt "" }}`, "bcrypt_pässword": `{{ bcrypt "pässword" }}`,
		"bcrypt_" + strings.Repeat("x", 72): `{{ bcrypt "` + strings.Repeat("x", 72) + `" }}`, "bcrypt_" + strings.Repeat("x", 71): `{{ bcrypt "` + strings.Repeat("x", 71) + `" }}`,
		"issued_ca":      `{{ (genCAWithKey "ca" 365 .ed25519).Cert }}`,
		"issued_ca_star": `{{ (genCAWithKey "c*&ä" 365 .p256).Cert }}`,
		"issued_self":    `{{ (genSelfSignedCertWithKey "self" (list "10.0.0.1" "2001:db8::1" "::ffff:10.0.0.2") (list "a.example" "*.b.example") 36500 .rsa_pkcs1).Cert }}`,
		"issued_empty":   `{{ (genSelfSignedCertWithKey "" nil (list "a.example") 1 .p384).Cert }}`,
		"issued_bare":    `{{ (genSelfSignedCertWithKey "x" nil nil 0 .p521).Cert }}`,
		"issued_signed":  `{{ (genSignedCertWithKey "leaf" (list "10.0.0.1") (list) 10 (buildCustomCert (b64enc .root_crt) (b64enc .rsa_pkcs8)) .p256_pkcs8).Cert }}`,
		"issued_same":    `{{ (genSignedCertWithKey "root" nil nil 10 (buildCustomCert (b64enc .root_crt) (b64enc .rsa_pkcs1)) .ed25519).Cert }}`,
	} {
		var out bytes.Buffer
		must(template.Must(template.New("").Funcs(functions()).Parse(text)).Execute(&out, values))
		values[name] = out.String()
	}
	return values
}
