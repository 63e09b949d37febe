package main

// Paths and URLs.
var others = []string{
	`{{ range list "/foo/bar.txt" "foo/bar/" "" "/" "//" "." ".." "a" "../../xyz" "/a/../b" "a//b/./c" "/.." "/../a" "a/.." "./a" "a/b/../../.." "x.tar.gz" "/a.b/c" ".bashrc" "a." "é/✓.x" "a/b/" "///a" }}{{ base . }}|{{ dir . }}|{{ clean . }}|{{ ext . }}|{{ isAbs . }}|{{ osBase . }}|{{ osDir . }}|{{ osClean . }}|{{ osExt . }}|{{ osIsAbs . }}
{{ end }}`,
	`{{ range list "proto://auth@host:80/path?query#fragment" "http://server.com:8080" "https://user:p%40ss@example.com/a%20b/%2F?x=1&y=2#fr%20ag" "mailto:a@b.c" "/only/path" "rel/path?x" "" "//host/path" "http://[::1]:8080/x" "http://[fe80::1%25en0]/" "HTTP://EXAMPLE.com" "http://host" "http://host?q" "http://host#f" "a/b:c" "file:///etc/passwd" "http:///x" "*" "http://user@host" "http://user:@host" "http://a:b:c@host" "x+y.z-1://h" "http://h/?" "postgres://a:1,b:2/db" "postgres://u:p@[::1]:5432/db?sslmode=disable" "///a" "http://host/é" "http://héllo/" "http://h/%zz/" }}{{ . }}
{{ end }}`,
	`{{ range list "proto://auth@host:80/path?query#fragment" "http://server.com:8080" "https://user:p%40ss@example.com/a%20b/%2F?x=1&y=2#fr%20ag" "mailto:a@b.c" "/only/path" "rel/path?x" "" "//host/path" "http://[::1]:8080/x" "http://[fe80::1%25en0]/" "HTTP://EXAMPLE.com" "http://host" "http://host?q" "http://host#f" "file:///etc/passwd" "http:///x" "*" "http://user@host" "http://user:@host" "http://a:b:c@host" "x+y.z-1://h" "http://h/?" "postgres://a:1,b:2/db" "postgres://u:p@[::1]:5432/db?sslmode=disable" "///a" "http://host/é" "http://héllo/" "http://h/a;b,c=d:e@f$g&h+i" "http://us!er:$a&b@h/!*'()" "http://h/<>\"" "http://h?<>\"" "http://h#<>!'()*" "1a:b/c" "http:opaque?x#y" }}{{ $u := urlParse . }}{{ toJson $u }} {{ urlJoin $u }}
{{ end }}`,
	`{{ urlParse "http://h/%zz" }}`,
	`{{ urlParse "http://h:x/" }}`,
	`{{ urlParse ":x" }}`,
	`{{ urlParse "a:b:c" }}{{ urlParse "a/b:c" }}`,
	`{{ urlParse "1:2" }}`,
	`{{ urlParse "http://[::1" }}`,
	`{{ urlParse "http://[1.2.3.4]/" }}`,
	`{{ urlParse "http://a b/" }}`,
	`{{ urlParse "http://a\x01b/" }}`,
	`{{ urlParse "http://us er@h/" }}`,
	`{{ urlParse "http://a:1:2/" }}`,
	`{{ urlParse "http://h%41/" }}`,
	`{{ urlParse "http://h/a b" | toJson }}`,
	`{{ (urlParse "http://u:p@h:80/x").userinfo }} {{ (urlParse "http://h:80/x").hostname }}`,
	`{{ urlJoin (dict "fragment" "fragment" "host" "host:80" "path" "/path" "query" "query" "scheme" "http") }} {{ urlJoin (dict "scheme" "http" "host" "h" "path" "a b?c#d" "userinfo" "u:p@ss" "fragment" "x y#z") }} {{ urlJoin (dict) }} {{ urlJoin (dict "path" "a:b/c") }} {{ urlJoin (dict "scheme" "mailto" "opaque" "a@b" "query" "x=1") }} {{ urlJoin (dict "host" "h" "path" "p") }} {{ urlJoin (dict "scheme" "file" "path" "/x") }} {{ urlJoin (dict "scheme" "http") }} {{ urlJoin (dict "path" "*") }} {{ urlJoin (dict "host" "a b<>é" "path" "/é✓") }} {{ urlJoin (dict "userinfo" "u") }} {{ urlJoin (dict "userinfo" "u:p" "path" "/x") }}`,
	`{{ urlJoin (dict "host" 1) }}`,
	`{{ urlJoin (dict "host" nil) }}`,
	`{{ urlJoin (dict "userinfo" "u p" "host" "h") }}`,
	`{{ urlJoin (dict "userinfo" "a/b" "host" "h") }}`,
}
