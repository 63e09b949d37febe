package main

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"hash"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"sigs.k8s.io/yaml"
	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// The operator's functions, by what they do with the libraries that it uses, and sprig's.
func functions() template.FuncMap {
	all := sprig.TxtFuncMap()
	for name, function := range map[string]any{
		"filterPEM":       filterPEM,
		"filterCertChain": filterCertChain,
		"certSANs":        certSANs,
		"jwkPublicKeyPem": func(text string) (string, error) { return jwkPEM(text, "PUBLIC KEY", x509.MarshalPKIXPublicKey) },
		"jwkPrivateKeyPem": func(text string) (string, error) {
			return jwkPEM(text, "PRIVATE KEY", x509.MarshalPKCS8PrivateKey)
		},
		"rsaDecrypt":     rsaDecrypt,
		"htpasswd":       htpasswd,
		"toYaml":         toYAML,
		"fromYaml":       fromYAML,
		"pkcs12key":      func(input string) (string, error) { return pkcs12Key("", input) },
		"pkcs12keyPass":  pkcs12Key,
		"pkcs12cert":     func(input string) (string, error) { return pkcs12Cert("", input) },
		"pkcs12certPass": pkcs12Cert,
		"pemToPkcs12":    func(cert, key string) (string, error) { return toKeystore(cert, key, "", false) },
		"pemToPkcs12Pass": func(cert, key, password string) (string, error) {
			return toKeystore(cert, key, password, false)
		},
		"fullPemToPkcs12": func(cert, key string) (string, error) { return toKeystore(cert, key, "", true) },
		"fullPemToPkcs12Pass": func(cert, key, password string) (string, error) {
			return toKeystore(cert, key, password, true)
		},
		"pemTruststoreToPKCS12":     func(certs string) (string, error) { return toTruststore(certs, "") },
		"pemTruststoreToPKCS12Pass": toTruststore,
	} {
		all[name] = function
	}
	return all
}

func htpasswd(user, password, algorithm string) string {
	if strings.Contains(user, ":") {
		return "invalid username: " + user
	}
	if algorithm != "sha" {
		return sprig.TxtFuncMap()["htpasswd"].(func(string, string) string)(user, password)
	}
	sum := sha1.Sum([]byte(password))
	return user + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:])
}

func fromYAML(text string) map[string]any {
	m := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		m["Error"] = err.Error()
	}
	return m
}

func fromBegin(input string) []byte {
	if at := strings.Index(input, "-----BEGIN"); at >= 0 {
		input = input[at:]
	}
	return []byte(input)
}

func toPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func filterPEM(kind, input string) (string, error) {
	rest := fromBegin(input)
	var out bytes.Buffer
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if strings.EqualFold(block.Type, kind) {
			if err := pem.Encode(&out, block); err != nil {
				return "", err
			}
		}
	}
	if out.Len() == 0 && len(rest) != 0 {
		return "", errors.New("junk")
	}
	return out.String(), nil
}

func certificates(input string) (certs []*x509.Certificate, err error) {
	for rest := []byte(input); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return certs, nil
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
}

func chain(certs []*x509.Certificate) (ordered []*x509.Certificate, err error) {
	parent, isParent := map[int]int{}, map[int]bool{}
	for i := range certs {
		for j := range certs {
			if i != j && bytes.Equal(certs[i].AuthorityKeyId, certs[j].SubjectKeyId) {
				parent[i], isParent[j] = j, true
				break
			}
		}
	}
	leaf := -1
	for i := range certs {
		if isParent[i] {
			continue
		}
		if leaf >= 0 {
			return nil, errors.New("disjunct")
		}
		leaf = i
	}
	if leaf < 0 {
		return nil, errors.New("no leaf")
	}
	for at, found := leaf, true; found; at, found = parentOf(parent, at) {
		if len(ordered) == len(certs) {
			return nil, errors.New("cycle")
		}
		ordered = append(ordered, certs[at])
	}
	return ordered, nil
}

func parentOf(parent map[int]int, at int) (int, bool) {
	next, found := parent[at]
	return next, found
}

func isRoot(cert *x509.Certificate) bool {
	return cert.AuthorityKeyId == nil || bytes.Equal(cert.AuthorityKeyId, cert.SubjectKeyId)
}

func filterCertChain(part, input string) (out string, err error) {
	certs, err := certificates(input)
	if err != nil {
		return "", err
	}
	ordered, err := chain(certs)
	if err != nil {
		return "", err
	}
	last := ordered[len(ordered)-1]
	switch {
	case part == "leaf" && !isRoot(ordered[0]):
		out = toPEM("CERTIFICATE", ordered[0].Raw)
	case part == "root" && isRoot(last):
		out = toPEM("CERTIFICATE", last.Raw)
	case part == "intermediate":
		for _, cert := range ordered[1:] {
			if isRoot(cert) {
				break
			}
			out += toPEM("CERTIFICATE", cert.Raw)
		}
	}
	return out, nil
}

func certSANs(input string) (names []string, err error) {
	block, _ := pem.Decode(fromBegin(input))
	if block == nil {
		return nil, errors.New("no PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	names = append(names, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	names = append(names, cert.EmailAddresses...)
	for _, uri := range cert.URIs {
		names = append(names, uri.String())
	}
	return names, nil
}

func jwkPEM(text, kind string, marshal func(any) ([]byte, error)) (string, error) {
	key, err := jwk.ParseKey([]byte(text))
	if err != nil {
		return "", err
	}
	var raw any
	if err := key.Raw(&raw); err != nil {
		return "", err
	}
	der, err := marshal(raw)
	if err != nil {
		return "", err
	}
	return toPEM(kind, der), nil
}

func anyKey(der []byte) (any, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return nil, errors.New("no key")
}

func rsaDecrypt(scheme, algorithm, input, key string) (string, error) {
	if scheme == "None" {
		return input, nil
	}
	if scheme != "RSA-OAEP" {
		return "", errors.New("scheme")
	}
	block, _ := pem.Decode([]byte(key))
	if block == nil {
		return "", errors.New("no PEM")
	}
	parsed, err := anyKey(block.Bytes)
	if err != nil {
		return "", err
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return "", errors.New("not RSA")
	}
	out, err := rsa.DecryptOAEP(hashOf(algorithm), nil, private, []byte(input), nil)
	return string(out), err
}

func hashOf(algorithm string) hash.Hash {
	switch algorithm {
	case "SHA1":
		return crypto.SHA1.New()
	case "SHA512":
		return sha512.New()
	}
	return sha256.New()
}

func pkcs12Key(password, input string) (string, error) {
	key, _, _, err := pkcs12.DecodeChain([]byte(input), password)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return toPEM("PRIVATE KEY", der), nil
}

func pkcs12Cert(password, input string) (string, error) {
	_, cert, others, err := pkcs12.DecodeChain([]byte(input), password)
	if err != nil {
		return "", err
	}
	certs := append([]*x509.Certificate{cert}, others...)
	if ordered, err := chain(certs); err == nil {
		certs = ordered
	}
	out := ""
	for _, cert := range certs {
		out += toPEM("CERTIFICATE", cert.Raw)
	}
	return out, nil
}

func everything(text string) (certs []*x509.Certificate, err error) {
	for rest := []byte(text); len(rest) > 0; {
		block, after := pem.Decode(rest)
		if block == nil {
			return nil, errors.New("no PEM")
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs, rest = append(certs, cert), after
	}
	return certs, nil
}

func toKeystore(cert, key, password string, full bool) (string, error) {
	block, rest := pem.Decode([]byte(cert))
	if block == nil {
		return "", errors.New("no PEM")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	var others []*x509.Certificate
	if full {
		if others, err = everything(string(rest)); err != nil {
			return "", err
		}
	}
	if block, _ = pem.Decode([]byte(key)); block == nil {
		return "", errors.New("no PEM")
	}
	parsed, err := anyKey(block.Bytes)
	if err != nil {
		return "", err
	}
	out, err := pkcs12.Modern.Encode(parsed, leaf, others, password)
	return base64.StdEncoding.EncodeToString(out), err
}

func toTruststore(certs, password string) (string, error) {
	parsed, err := everything(certs)
	if err != nil {
		return "", err
	}
	out, err := pkcs12.Modern.EncodeTrustStore(parsed, password)
	return base64.StdEncoding.EncodeToString(out), err
}

// What the tests have in common with the functions that make keystores.
func keystore(encoder *pkcs12.Encoder, key, certs, password string) string {
	block, _ := pem.Decode([]byte(key))
	parsed, err := anyKey(block.Bytes)
	must(err)
	all, err := certificates(certs)
	must(err)
	out, err := encoder.Encode(parsed, all[0], all[1:], password)
	must(err)
	return base64.StdEncoding.EncodeToString(out)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
