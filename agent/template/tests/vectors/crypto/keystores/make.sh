#!/bin/sh
# How the keystores here were made: by OpenSSL 3.0 and by Java 17, from a key and certificates of no importance.
set -eu
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=ca -days 3650 -keyout ca.key -out ca.crt
openssl req -newkey rsa:2048 -nodes -subj /CN=leaf -keyout leaf.key -out leaf.csr
openssl x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -out leaf.crt
store() { openssl pkcs12 -export -inkey leaf.key -in leaf.crt "$@"; }
store -certfile ca.crt -passout pass:x -name me -out openssl.p12
store -certfile ca.crt -passout pass:x -legacy -out legacy.p12
store -passout pass:x -legacy -certpbe PBE-SHA1-RC2-128 -keypbe PBE-SHA1-RC2-128 -out rc2128.p12
store -passout pass: -certpbe AES-128-CBC -keypbe AES-192-CBC -macalg sha512 -iter 10000 -out aes.p12
store -passout pass: -nomac -keypbe NONE -certpbe NONE -out none.p12
keytool -genkeypair -alias k -keyalg EC -groupname secp256r1 -dname CN=java -storetype PKCS12 -keystore java.p12 \
  -storepass changeit -validity 3650
rm ca.key ca.crt ca.srl leaf.key leaf.csr leaf.crt
