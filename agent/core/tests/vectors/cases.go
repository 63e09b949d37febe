package main

import "strings"

// Every path of a group is looked up in every text of it.
var propertyGroups = []struct{ texts, paths []string }{
	{
		[]string{
			`{"a":"b"}`,
			`{"a":{"b":"nested"}}`,
			`{"a.b":"literal","a":{"b":"nested"}}`,
			`{"a":{"b":{"c":[1,2,{"d":"deep"}]}}}`,
			`{"a":["x","y",{"b":"z"}]}`,
			`[{"a":1,"b":"x"},{"a":2,"b":"y"},{"b":"z"}]`,
			`{"a":null}`,
			`{"a":{"b":null}}`,
			`{}`,
			`[]`,
			`null`,
			`"text"`,
			`12`,
			``,
			`not json`,
			`{"a":"b"`,
			`{"a":`,
			`{"a" "b"}`,
			`{"a":b}`,
			`{'a':'b'}`,
			`{"b":tru,"a":"x"}`,
			`{"a":"x"}{"a":"y"}`,
			` { "a" : { "b" : [ 1 , 2 ] } } `,
		},
		[]string{
			"a", "b", "a.b", "a.b.c", "a.b.c.2.d", "a.1", "a.2.b", "a.#", "#", "#.a", "#.b", "0.b", "1", "a.b.c.#", "missing", "",
			".", "a.", ".a", "a..b", "@this", "a|b", "a.b|c", "*", "?", "a*", "{a,b}", "[a,b]", `{"x":a}`, `{"x":a.b}`, "[a.b,a]", "@keys",
			"@values", "@valid", "@ugly", "a|@this", "a.@reverse", "a.b.c|@reverse", "#(a==2).b", `#(b=="z").b`, `#(a>0)#.b`, "#(a==9)",
			"#(a==9)#", "a.#.b", "..#", "..0.a", "!true", `!"x"`,
		},
	},
	{
		[]string{
			`{"i":1,"neg":-7,"big":123456789012345678901234567890,"f":1.50,"e":1e3,"E":1E+3,"small":1e-7,"large":1e21,"huge":1.7976931348623157e308,
"over":1e999,"zero":0,"nz":-0,"z":0.0,"third":0.333333333333333333333,"lead":007,"plus":+1,"dot":.5,"end":1.,"maxi":9007199254740993,"minf":-1.5e-10,
"t":true,"f2":false,"n":null,"two53":9007199254740992.0,"hex":0x10,"nan":NaN,"inf":Infinity}`,
		},
		[]string{
			"i", "neg", "big", "f", "e", "E", "small", "large", "huge", "over", "zero", "nz", "z", "third", "lead", "plus", "dot", "end", "maxi",
			"minf", "t", "f2", "n", "two53", "hex", "nan", "inf",
		},
	},
	{
		[]string{
			`{"s":"line\nbreak","u":"\u00e9","pair":"\ud83d\ude00","lone":"\ud83d","half":"\ude00x","slash":"a\/b","ctl":"\b\f\r\t","bad":"\q","q":"say \"hi\"",
"back":"c:\\dir","html":"<&>","raw":"tab	here","é":"accent","sp ace":"s","a*b":"star","a?b":"question","a|b":"pipe","#h":"hash","@at":"at","!x":"bang",
"{b":"brace","[l":"bracket","a\"b":"quote","a\\b":"backslash","":"empty","tls.crt":"dotted","x.y.z":"two dots","long":"` + strings.Repeat("x", 300) + `"}`,
		},
		[]string{
			"s", "u", "pair", "lone", "half", "slash", "ctl", "bad", "q", "back", "html", "raw", "é", "sp ace", "a*b", `a\*b`, "a?b", `a\?b`, "a|b",
			`a\|b`, "#h", `\#h`, "@at", `\@at`, "!x", `\!x`, "{b", `\{b`, "[l", `\[l`, `a"b`, `a\\b`, "tls.crt", `tls\.crt`, "x.y.z", `x\.y\.z`, `x\.y.z`,
			"long", `\s`, "S",
		},
	},
	{
		[]string{
			`{"outer":{"in.ner":"x","inner":{"k":"v"},"list":[{"n":"a","v":1,"on":true},{"n":"b","v":2.5,"on":false},{"n":"c","v":"3"}]}}`,
			`{"outer": {"in.ner": "x", "inner": {"k": "v"}, "list": [ {"n": "a", "v": 1} ]}}`,
		},
		[]string{
			"outer", "outer.inner", "outer.in.ner", `outer.in\.ner`, "outer.inner.k", "outer.list", "outer.list.#", "outer.list.0", "outer.list.9",
			"outer.list.-1", "outer.list.#.n", `outer.list.#(n=="b").v`, `outer.list.#(n=="b")`, `outer.list.#(n!="b")#.n`, `outer.list.#(v>1)#.n`,
			`outer.list.#(v>=2.5).n`, `outer.list.#(n%"a*").v`, `outer.list.#(n!%"a*")#.n`, `outer.list.#(on==true).n`, `outer.list.#(on==~true).n`,
			`outer.list.#(on==~false)#.n`, `outer.list.#(on==~*)#.n`, "outer.list.#(on).n", "outer.*.k", "outer.in*.k", "outer.l?st.0.n", "outer|list|0|n",
			"outer.list|#", "outer.list|@reverse", "outer.list.@reverse.0.n", "outer.inner|@pretty", "outer.list|@ugly", "outer.list.0|@keys",
			"outer.list.0|@values", "outer.{inner,list}", "outer.[in\\.ner,inner]", `outer.{"a":inner.k}`, "{outer}", "[outer]", "outer.list.#.v|@join",
			"outer.list|@flatten", "outer.list.@this.1.n", "outer.inner.@tostr", "outer.inner.@tostr.@fromstr", "outer|@group", "outer.list|@json",
			"outer.inner|@valid", "outer.nothing|@valid", "outer.list.#(", "outer.list.#()", "outer.list.#(n==", "outer.@nope", "outer.@nope:x",
			"outer.list.#.{n,v}", "outer.list.1.{n,v}", "outer.list.#.[n,v]", `outer.list.#(n=="a"`, "@this.outer.inner.k", "@keys", "outer.@keys",
		},
	},
	{
		[]string{
			`{"a":[{"k":"v","n":1},{"k":"w","n":2},3],"b":{"x":[1,[2,[3]]],"y":["p","q"]},"s":"{\"in\":\"side\"}","e":[],"o":{}}`,
			`[[1,2],[3,[4]],{"a":{"a":1}},"t\u0041"]`,
		},
		[]string{
			"@dig:a", "@dig:k", "@dig:#", "@group", "b|@group", "b.@group.0", "@reverse", "a|@reverse|0", "b.x|@flatten", `b.x|@flatten:{"deep":true}`,
			`@flatten:{"deep":true}`, "a|@join", `a|@join:{"preserve":true}`, "a.@join.n", "@keys", "b|@keys", "a|@keys", "@values", "o|@values", "@tostr",
			"b.@tostr", "b.@tostr|@fromstr", "s|@fromstr", "s.@fromstr.in", "s|@fromstr|in", "@ugly", "@valid", "@this.a", "@this|b.y.1", "@nope", "@nope.a", "a.@nope",
			"@pretty", "b|@pretty", `b|@pretty:{"indent":"\t"}`, `b|@pretty:{"width":10}`, `b|@pretty:{"sortKeys":true,"prefix":" "}`, "e|@pretty", "o|@pretty",
			"a.#(k==v).n", `a.#(k=="v").n`, `a.#(k="w")#.n`, "a.#(n)#", "a.#(n)#.k", "a.#(n>1)#|0", "a.#(n>1)#.k|0", "a.#(k%?)#|#", "a.#(n==~true)#.n",
			"a.#(n==~false)", "a.#(n==~*)#|#", "a.#(n==~null)#", "a.#(n==~x)", "#(0==3)", "#(0==3).1.0", "#(#==2)#", "#(1.0=4).0", "#.a", "#.0", "#.#",
			"!1", `!"x"`, "!true", "!TRUE", "!null", "!maybe", "![1,2]|1", `!{"a":1}.a`, "a|!5", "[!1,a.#]", `{"z":!"y",a}`, "..#", "..0", "..1", "..#.a", "..0.b.y",
			"{a", "[a", "{a}x", "[a]x", "[]", "{}", "{a}.a", "[a,b]|1.y", "{b.y,s}", "{b.y.0}", `{"n":b.y,"m":e}`, "{n:b.y}", "[a.9,e]", "{a|#}", "[a.#,b|@keys]",
			"nothing|@tostr", "b.nothing|@tostr", "b.nothing|[x]", "nothing|[x]", "*|0", "?.y", "*.*", "b.?|#", "b.x.1.1.0", "b.x.01", "b.y.-1", "b\\.y",
			"a.", "a|", ".a", "|a", "a||b", "\\", "b.y.0.deeper", "s.in", "#(", "#()", "#(a", "#[0]", "#(!)", "#(a!)", "a.#(n<=1)#.n", "a.#(n!=1)#.n", "a.#(k<w).k",
		},
	},
	{
		// A multipath with a dot never works: the escaped first try exists always.
		[]string{`{"l":["x","y"],"a":"b","c":{"d":"e"}}`},
		[]string{`{"a":l.0}`, `{"a":l}`, "{a,c.d}", "{a,c}", "[l.0,a]", "[l,a]", "[a]", "{a}", "{}", "[]", `{"x":"y"}`, `{"x":!"y"}`, `{"x":!1.5}`, "{", "["},
	},
}

var jsonTexts = []string{
	`{}`, `[]`, `null`, `true`, `"x"`, `1`, ``, `text`, `{"a":`, `{} x`, `{"a":1,}`, `{a:1}`, `[1,]`, ` {"a" : 1 } `, `{"a":1}{"b":2}`,
	`{"s":"tex\"t","n":1.50,"big":12345678901234567890123,"b":true,"z":null,"o":{"x": 1},"l":[1, 2]}`,
	`{"a":1,"a":2,"A":3}`, `{"":"empty"}`, `{"é\u00e9":"ü"}`, `{"k":"\ud83d\ude00"}`, `{"k":"<>&\u2028\u2029\u0001\u007f\b\f\n\r\t\/"}`,
	`{"k":"\q"}`, `{"k":"tab	raw"}`, `{"k":01}`, `{"k":+1}`, `{"k":.5}`, `{"k":1.}`, `{"k":NaN}`, `{"k":-0}`, `{"k":1e999}`, `{"k":-}`,
	`1e3`, `1E+3`, `1.50`, `1e21`, `1e20`, `123456789012345678901`, `0.000001`, `0.0000001`, `-0.00000123`, `1.7976931348623157e308`, `5e-324`,
	`9007199254740993`, `0.1`, `0.30000000000000004`, `100`, `-7`, `-0.0`, `2.2250738585072011e-308`, `1.23e-10`, `12345.678e2`,
	`8.41e21`, `9.5367431640625e-7`, `4.35`, `1e22`, `1e23`, `6.02214076e23`, `18446744073709551615`, `18446744073709551616`, `-9223372036854775809`,
	`{"b":[{"y":1,"x":[]},{}],"a":{"<":">"}}`, `["\u003c"]`, `[[[1,[2]]]]`,
}

var sources = []string{
	"", "a", "a*", "(a)(b)?", "(?P<first>[a-z]+)-(?P<second>[a-z]+)", "([^/]+)/([^/]+)", "^", "$", "/", "x*", "(?i)A", "é", "(x)?", ".", "^/?(.*)$",
	"(a|ab)(c|bcd)(d*)",
}

var names = []string{"", "a", "baac", "prod/db-password", "ab-cd", "naïve-é", "abcd", "a.b/c_d", "/lead"}

var targets = []string{
	"", "-", "$0", "$1", "${1}", "$1x", "${1}x", "$2-$1", "$$", "$$1", "$", "$-", "${", "${1", "${}", "$first", "${first}_x", "$second$first", "$firstx",
	"$01", "$99", "$1$2$3", "x$", "${a b}", "$é", "$1é", "$1½", "\\1", "$_",
}
