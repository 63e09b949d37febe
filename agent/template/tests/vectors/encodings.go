package main

// JSON, base64 and their like.
var encodings = []string{
	`{{ b64enc "hello" }} {{ b64enc "" }} {{ b64enc .unicode }} {{ b64dec "aGVsbG8=" }} {{ b64dec "" }} {{ b64dec "aGVs\nbG8=" }} {{ b64dec "aGVsbG9=" }}`,
	`{{ b64dec "!" }}|{{ b64dec "a" }}|{{ b64dec "ab" }}|{{ b64dec "abc" }}|{{ b64dec "abc=" }}|{{ b64dec "ab==" }}|{{ b64dec "ab=" }}|{{ b64dec "ab=c" }}|{{ b64dec "a===" }}|{{ b64dec "====" }}|{{ b64dec "abcd=" }}|{{ b64dec "ab==x" }}|{{ b64dec "abc=d" }}|{{ b64dec "aGVsbG8" }}|{{ b64dec "aGVsbG8_" }}|{{ b64dec "a b=" }}|{{ b64dec "ab=\n=\n" }}|{{ b64dec "ab\n==" }}|{{ b64dec "abc\r\n=" }}|{{ b64dec "ab=\n" }}|{{ b64dec "abcde" }}|{{ b64dec "abcd\nef" }}|{{ b64dec "é" }}`,
	`{{ b64dec "/v8AAQ==" }}`,
	`{{ b64dec "/v8AAQ==" | b64enc }} {{ b64dec "/v8AAQ==" | len }} {{ b64dec "/v8AAQ==" | quote }} {{ b64dec "/v8AAQ==" | toJson }} {{ b64dec "/v8AAQ==" | sha256sum }} {{ b64dec "/v8AAQ==" | upper | b64enc }} {{ b64dec "/v8AAQ==" | splitList "" | len }} {{ b64dec "/v8AAQ==" | printf "%x" }} {{ b64dec "YWL/Y2Q=" | replace "b" "x" | b64enc }} {{ b64dec "YWL/Y2Q=" | trunc 3 | b64enc }} {{ b64dec "YWL/Y2Q=" | title | b64enc }} {{ b64dec "/yAg" | trim | b64enc }}`,
	`{{ b32enc "hello" }} {{ b32enc "" }} {{ range list "a" "ab" "abc" "abcd" "abcde" "abcdef" }}{{ b32enc . }} {{ b32enc . | b32dec }} {{ end }}`,
	`{{ b32dec "NBSWY3DP" }}|{{ b32dec "nbswy3dp" }}|{{ b32dec "NBSWY3D" }}|{{ b32dec "ME======" }}|{{ b32dec "M=======" }}|{{ b32dec "MFRA====" }}|{{ b32dec "MFR=====" }}|{{ b32dec "ME=====" }}|{{ b32dec "ME====x=" }}|{{ b32dec "1" }}|{{ b32dec "" }}|{{ b32dec "ME==\n====" }}|{{ b32dec "ME======x" }}|{{ b32dec "MFRGG===" }}|{{ b32dec "MFRGGZA=" }}|{{ b32dec "MFRGGZ==" }}|{{ b32dec "========" }}|{{ b32dec "M" }}|{{ b32dec "NBSWY3DPN" }}`,
	`{{ hexdec "48656c6C6F" }}|{{ hexdec "" }}|{{ hexdec "4" }}|{{ hexdec "4g" }}|{{ hexdec "g" }}|{{ hexdec "48x" }}|{{ hexdec "48\n" }}|{{ hexdec "4é" }}|{{ hexdec "123" }}`,
	`{{ hexdec "ff00" }}`,
	`{{ sha1sum "hello" }} {{ sha256sum "hello" }} {{ sha512sum "" }} {{ adler32sum "hello" }} {{ adler32sum "" }} {{ sha256sum .unicode }} {{ repeat 9000 "\xff" | adler32sum }}`,
	// JSON
	`{{ toJson (dict "a" 1 "b" (list 1.5 "x" nil true) "c" (dict)) }} {{ toJson "a\"b<>&\u2028\u2029\x7f\x01\b\f\n\r\t/" }} {{ toRawJson "a\"b<>&\u2028" }} {{ mustToJson (list) }} {{ mustToRawJson (dict "<" ">") }} {{ toJson nil }} {{ toJson 1 }} {{ toJson true }} {{ toJson . }}`,
	`{{ toPrettyJson (dict "a" (list 1 (dict "b" (list)) (list 2)) "c" (dict) "d" "<") }} {{ mustToPrettyJson (list) }} {{ toPrettyJson 1 }}`,
	`{{ range list 1.0 1.5 100000000.0 1e20 1e21 1e22 0.000001 0.0000001 -1.5e-9 123456789012345680.0 0.1 -0.0 5e-324 1.7976931348623157e308 }}{{ toJson . }} {{ end }}`,
	`{{ toJson (float64 "nan") }}|{{ toPrettyJson (list (float64 "inf")) }}|`,
	`{{ mustToJson (float64 "nan") }}`,
	`{{ mustToPrettyJson (float64 "inf") }}`,
	`{{ toRawJson (float64 "inf") }}`,
	`{{ mustToRawJson (list (float64 "inf")) }}`,
	`{{ toJson (int64 5) }} {{ toJson (index "a" 0) }} {{ toJson (until 3) }} {{ toJson (splitList "," "a,b") }} {{ toJson (split "," "a,b") }} {{ toJson (semver "1.2") }} {{ toJson (chunk 1 (list 1 2)) }}`,
	`{{ fromJson "{\"a\":[1,2.5,\"x\",null,true,{\"b\":{}}]}" }} {{ fromJson "1" }} {{ fromJson "\"a\\u00e9\\n\\ud83d\\udd11\\ud800x\\u0000\\/\"" | quote }} {{ fromJson " [ ] " }} {{ fromJson "null" }} {{ fromJson "" }} {{ fromJson "{" }} {{ fromJson "[1,]" }} {{ fromJson "{\"a\":1,\"a\":2}" }} {{ fromJson "01" }} {{ fromJson "1e5" }} {{ fromJson "-0" }} {{ fromJson "1 2" }} {{ fromJson "\"a\nb\"" }} {{ fromJson "'a'" }} {{ fromJson "{\"a\" : [ 1 , 2 ] }\n" }} {{ fromJson "12345678901234567890" }} {{ fromJson "1.0" }} {{ fromJson "tru" }} {{ fromJson "truex" }} {{ fromJson "{a:1}" }} {{ fromJson "[1 2]" }} {{ fromJson "\"\\x\"" }} {{ fromJson "\"\\ud83d\\u0041\"" }} {{ fromJson "1." }} {{ fromJson ".5" }} {{ fromJson "+1" }} {{ fromJson "-" }} {{ fromJson "1e" }} {{ fromJson "1E+2" }}`,
	`{{ fromJson "\"\xff\"" | quote }} {{ fromJson "{\"\\u0061\":1}" }} {{ fromJson "\ufeff1" }}`,
	`{{ mustFromJson "{\"a\":1}" }} {{ (mustFromJson "{\"a\":{\"b\":\"c\"}}").a.b }}`,
	`{{ mustFromJson "bad" }}`,
	`{{ mustFromJson "" }}`,
	`{{ (fromJson .json).a }} {{ index (fromJson .json) "a" 1 }} {{ (fromJson .json).a | join "," }} {{ fromJson .json | toJson }} {{ fromJson .json | toPrettyJson }}`,
	`{{ (fromJson .json).nope }}`,
	`{{ range fromJson "[\"a\",\"b\"]" }}<{{ . }}>{{ end }} {{ fromJson "{\"x\":1000000,\"y\":1e6,\"z\":0.5}" | toJson }} {{ (fromJson "{\"n\":5432}").n }} {{ (fromJson "{\"n\":1234567}").n }} {{ (fromJson "{\"n\":1234567}").n | int }} {{ (fromJson "{\"n\":1234567}").n | toString }}`,
	`{{ dict "user" .user "password" .password | toJson }} {{ dict "user" .user "password" .password | toRawJson }}`,
	`{"auths":{"r":{"auth":"{{ printf "%s:%s" .user .password | b64enc }}"}}}`,
}
