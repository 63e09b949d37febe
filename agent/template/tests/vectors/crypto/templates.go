package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Each function with the values that matter to it.
func templates(values map[string]string) []string {
	all := []string{}
	add := func(format string, arguments ...any) { all = append(all, fmt.Sprintf(format, arguments...)) }
	names := []string{}
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)

	for _, name := range names {
		text := values[name]
		if strings.Contains(text, "-----BEGIN") || slices.Contains([]string{"empty", "junk", "dashes"}, name) {
			for _, kind := range []string{"x", "certificate", "Private Key", "RSA PRIVATE KEY", ""} {
				add(`{{ filterPEM %q .%s }}`, kind, name)
			}
		}
		if strings.HasSuffix(name, "_crt") || strings.HasSuffix(name, "_chain") || name == "empty" || name == "junk" || name == "p256" {
			add(`{{ range certSANs .%s }}{{ . }};{{ end }}`, name)
			for _, part := range []string{"leaf", "intermediate", "root", "other"} {
				add(`{{ filterCertChain %q .%s }}`, part, name)
			}
		}
		if strings.HasPrefix(name, "jwk") || name == "junk" {
			add(`{{ jwkPublicKeyPem .%s }}`, name)
			add(`{{ jwkPrivateKeyPem .%s }}`, name)
		}
		if strings.HasPrefix(name, "aes") || strings.HasPrefix(name, "bcrypt") || strings.HasPrefix(name, "issued") {
			continue
		}
		if strings.HasPrefix(name, "p12") || name == "junk" {
			for _, password := range []string{"pässword", "x", "", "wrong"} {
				add(`{{ .%s | pkcs12keyPass %q }}`, name, password)
				add(`{{ .%s | pkcs12certPass %q }}`, name, password)
			}
			add(`{{ .%s | pkcs12key }}`, name)
			add(`{{ .%s | pkcs12cert }}`, name)
		}
		if strings.HasPrefix(name, "rsa") || strings.HasPrefix(name, "p256") || name == "junk" {
			for _, hash := range []string{"SHA1", "SHA256", "SHA512", "None", "x"} {
				add(`{{ rsaDecrypt "RSA-OAEP" %q .sealed_SHA256 .%s }}`, hash, name)
				add(`{{ rsaDecrypt "RSA-OAEP" %q .sealed_SHA1 .%s }}`, hash, name)
				add(`{{ rsaDecrypt "RSA-OAEP" %q .sealed_SHA512 .%s }}`, hash, name)
			}
		}
	}
	for _, kind := range []string{"certificate", "private key", "EC PRIVATE KEY"} {
		add(`{{ filterPEM %q (print .leaf_crt .p256_pkcs8) }}`, kind)
		add(`{{ filterPEM %q (print .p256_pkcs8 .leaf_crt .rsa_pkcs8 .root_crt) }}`, kind)
		add(`{{ filterPEM %q (print .p256 .leaf_crt "some ---junk---") }}`, kind)
		add(`{{ filterPEM %q (print "some junk" .leaf_crt .p256_pkcs8 "some ---junk---") }}`, kind)
		add(`{{ filterPEM %q (print .leaf_crt "some junk" .p256_pkcs8) }}`, kind)
		add(`{{ filterPEM %q (print .leaf_crt "some junk\n" .p256_pkcs8) }}`, kind)
	}
	for _, parts := range []string{".leaf_crt .root_crt", ".leaf_crt .middle_crt", ".leaf_crt .second_crt", ".second_crt .leaf_crt", ".leaf_crt .second_crt .middle_crt", ".leaf_crt .other_crt .middle_crt", ".leaf_crt .leaf_crt", ".bare_crt .named_crt", ".bare_crt .bare_crt", ".root_crt .bare_crt", ".self_crt .leaf_crt", ".leaf_crt .p256", ".leaf_crt \"junk\"", "\"junk\\n\" .leaf_crt", ".leaf_crt .broken_crt", ".other_crt .middle_crt .root_crt", ".root_crt .middle_crt .other_crt"} {
		for _, part := range []string{"leaf", "intermediate", "root"} {
			add(`{{ filterCertChain %q (print %s) }}`, part, parts)
		}
	}
	add(`{{ certSANs (print "junk\n" .named_crt .leaf_crt) | join "," }}`)
	add(`{{ rsaDecrypt "None" "x" "as is" "" }}`)
	add(`{{ rsaDecrypt "RSA" "SHA1" "x" .rsa_pkcs1 }}`)
	add(`{{ rsaDecrypt "RSA-OAEP" "SHA1" "" .rsa_pkcs1 }}`)
	add(`{{ rsaDecrypt "RSA-OAEP" "SHA1" "short" .leaf_crt }}`)
	add(`{{ (fromYaml "a: 1\nb: [x, yes, 010, 1.5, ~]\nc: {d: 1_000}\n").c.d }}`)
	add(`{{ fromYaml "a: 1\nb: [x, yes, 010, 1.5, ~]\nc: {d: 1_000}\n" }}`)
	add(`{{ fromYaml "a: 1" | toYaml }}`)
	add(`{{ fromYaml "a: 1000000\nb: 12345678901234567890\nc: 1e3\nd: 0.1\n" | toYaml }}`)
	add(`{{ range $k, $v := fromYaml "b: 1\na: [1, 2]\n" }}{{ $k }}={{ $v }};{{ end }}`)
	add(`{{ hasKey (fromYaml "a: [") "Error" }}{{ hasKey (fromYaml "- a") "Error" }}{{ hasKey (fromYaml "a: 1") "Error" }}{{ hasKey (fromYaml "") "Error" }}`)
	add(`{{ (fromYaml "a: b: c").Error }}`)
	add(`{{ (fromYaml "a: 'x\n").Error }}`)
	add(`{{ (fromYaml "- a").Error }}`)
	add(`{{ (fromYaml "5").Error }}`)
	for _, kind := range []string{"maximum", "long", "medium", "short", "basic", "pin", "other"} {
		add(`{{ derivePassword 1 %q "password" "user" "example.com" }}`, kind)
		add(`{{ derivePassword 7 %q "pässword" "" "" }}`, kind)
	}
	add(`{{ derivePassword -1 "long" "a" "b" "c" }}`)
	add(`{{ derivePassword 4294967296 "long" "a" "b" "c" }}`)
	add(`{{ htpasswd "user" "password" "sha" }}|{{ htpasswd "us:er" "password" "sha" }}|{{ htpasswd "us:er" "x" "bcrypt" }}|{{ htpasswd "" "" "sha" }}`)
	add(`{{ bcrypt %q }}`, strings.Repeat("x", 73))
	add(`{{ decryptAES "key" .aes_text }}|{{ decryptAES "0123456789abcdef0123456789abcdef" .aes_block }}|{{ decryptAES "x" "" }}|{{ encryptAES "x" "" }}`)
	add(`{{ decryptAES "key" "x" }}`)
	add(`{{ decryptAES "key" "YWJj" }}`)
	add(`{{ decryptAES "key" "MDEyMzQ1Njc4OWFiY2RlZg==" }}`)
	add(`{{ decryptAES "key" "MDEyMzQ1Njc4OWFiY2RlZmE=" }}`)
	add(`{{ (buildCustomCert (b64enc .leaf_crt) (b64enc .p256)).Cert }}`)
	add(`{{ (buildCustomCert (b64enc .leaf_crt) (b64enc .rsa_pkcs8)).Key }}`)
	for _, key := range []string{"junk", "leaf_crt", "rsa_as_pkcs8", "encrypted_pem"} {
		add(`{{ (buildCustomCert (b64enc .leaf_crt) (b64enc .%s)).Key }}`, key)
		add(`{{ (buildCustomCert (b64enc .%s) (b64enc .p256)).Key }}`, key)
		add(`{{ len (genCAWithKey "ca" 1 .%s).Cert }}`, key)
	}
	add(`{{ (buildCustomCert .leaf_crt .p256).Key }}`)
	add(`{{ $ca := buildCustomCert (b64enc .root_crt) (b64enc .p256) }}{{ len (genSignedCertWithKey "x" nil nil 1 $ca .p256).Cert }}`)
	add(`{{ len (genSignedCertWithKey "x" nil nil 1 (dict "Cert" .root_crt "Key" .rsa_pkcs1) .p256).Cert }}`)
	add(`{{ len (genSelfSignedCertWithKey "x" (list "10.0.0") nil 1 .p256).Cert }}`)
	add(`{{ len (genSelfSignedCertWithKey "x" (list "10.0.0.01") nil 1 .p256).Cert }}`)
	add(`{{ len (genSelfSignedCertWithKey "x" (list 5) nil 1 .p256).Cert }}`)
	add(`{{ len (genSelfSignedCertWithKey "x" nil (list 5) 1 .p256).Cert }}`)
	add(`{{ len (genSelfSignedCertWithKey "x" nil (list "ä") 1 .p256).Cert }}`)
	add(`{{ len (genSelfSignedCertWithKey "x" "10.0.0.1" nil 1 .p256).Cert }}`)
	add(`{{ len (genSelfSignedCertWithKey "x" (splitList "," "10.0.0.1") nil 1 .p256).Cert }}`)
	add(`{{ (buildCustomCert (b64enc .leaf_crt) (b64enc .p256)).Other }}`)
	add(`{{ buildCustomCert (b64enc .leaf_crt) (b64enc .p256) }}`)
	add(`{{ toYaml (buildCustomCert (b64enc .leaf_crt) (b64enc .p256)) }}`)
	add(`{{ genPrivateKey "other" }}`)
	for _, key := range []string{"rsa_pkcs1", "rsa_pkcs8", "p256", "p384_pkcs8", "p521", "ed25519", "p256_short"} {
		add(`{{ pemToPkcs12Pass .leaf_crt .%s "x" | b64dec | pkcs12keyPass "x" }}`, key)
		add(`{{ pemToPkcs12 .leaf_crt .%s | b64dec | pkcs12key }}`, key)
		add(`{{ fullPemToPkcs12Pass .mixed_chain .%s "pässword" | b64dec | pkcs12certPass "pässword" }}`, key)
		add(`{{ fullPemToPkcs12 .full_chain .%s | b64dec | pkcs12cert }}`, key)
		add(`{{ pemToPkcs12 .full_chain .%s | b64dec | pkcs12cert }}`, key)
	}
	for _, pair := range []string{".junk .p256", ".leaf_crt .junk", ".p256 .leaf_crt", ".empty .p256", ".leaf_crt .p256_pkcs8", ".broken_crt .p256", "(print .leaf_crt \"\\njunk\") .p256", "(print .leaf_crt .p256) .p256"} {
		add(`{{ pemToPkcs12 %s | b64dec | pkcs12cert }}`, pair)
		add(`{{ fullPemToPkcs12 %s | b64dec | pkcs12cert }}`, pair)
	}
	add(`{{ $store := pemToPkcs12Pass .leaf_crt .p256 "🔑" }}made`)
	for _, certs := range []string{".full_chain", ".named_crt", ".nobody_crt", ".empty", ".junk", ".p256"} {
		add(`{{ $store := pemTruststoreToPKCS12 %s }}made`, certs)
		add(`{{ $store := pemTruststoreToPKCS12Pass %s "x" }}made`, certs)
	}
	add(`{{ toYaml . | len }}`)
	add(`{{ toYaml (dict "a" 1 "b" (list 1 "two" 3.5 true nil) "c" (dict "d" "e: f")) }}`)
	add(`{{ toYaml "text" }}|{{ toYaml 5 }}|{{ toYaml 1.5 }}|{{ toYaml true }}|{{ toYaml nil }}|{{ toYaml (list) }}|{{ toYaml (dict) }}`)
	add(`{{ toYaml "multi\nline\n" }}|`)
	add(`{{ toYaml (dict "k" .sealed_SHA1) | len }}`)
	return all
}
