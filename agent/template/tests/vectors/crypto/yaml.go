package main

import (
	"encoding/json"
	"math/rand"
	"strings"

	"sigs.k8s.io/yaml"
)

type yamlVector struct {
	Text    string            `json:"text"`
	Strings map[string]string `json:"strings"` // null: KeysAndValues fails
	Any     json.RawMessage   `json:"any"`     // null: fromYaml puts an Error in
	Error   string            `json:"error,omitempty"`
	Again   string            `json:"again"` // toYaml of Any
}

type toYamlVector struct {
	JSON json.RawMessage `json:"json"`
	YAML string          `json:"yaml"`
}

var scalars = strings.Split(`yes|no|Yes|NO|on|off|y|n|Y|N|true|TRUE|tRUE|false|null|Null|nULL|~|''|""|"yes"|'010'|010|0o17|0O17|0x1F|0X1f|-0x1f|0b101|0B101|-0b11|0b-101|0b+1|0b102|0b|08|09.5|1_000|1__0|_1|1_|-1_0|+5|+|-|- 1|--1|1.0|1.50|1.|.5|-.5|+.5|.|..|.5e3|.1_0|1_0.5_0|1e3|1E3|1e+3|1e-7|1e400|-1e400|0.1|3.141592653589793|1.1|16777217|16777217.0|123456789.0|1e20|1e21|123456789012345678901234567890|9223372036854775807|9223372036854775808|-9223372036854775808|-9223372036854775809|18446744073709551615|18446744073709551616|0xffffffffffffffff|0x1ffffffffffffffff|.inf|-.Inf|+.INF|.nan|.NaN|.NAN|inf|NaN|nan|2001-01-01|2001-12-14t21:59:43.10-05:00|2001-13-45|12:30:45|190:20:30|12:30|1:60|<<|=|!!str 123|!!str yes|!!int "3"|!!int 0x10|!!int 3.5|!!int abc|!!float 3|!!float "3.5"|!!float x|!!bool yes|!!bool "no"|!!bool 1|!!null ""|!!null x|!!binary aGVsbG8=|!!binary /w==|!!binary "*"|!!timestamp 2001-01-01|!custom x|!custom 5|! 12|! "12"|!<tag:yaml.org,2002:int> 7|a: b|a:b|"a\tb"|"\x41\u00e9\U0001F511"|'it''s'|"\q"|plain # comment|plain#no comment|@at|%percent|*alias|&anchor x|[1, 2]|{a: 1}|[]|{}|a,b|- x|?x|? x|:x|x:|'a: b'|"multi
  line"|multi
  line|0.000001|0.00001|1e-5|1000000|1000000.5|100000.5|12345678.9|-0|-0.0|+0|00|0_0|1,000|0.1e1_0|é|🔑|"\/"|"\xff"|!!set {a}|-1|-.5e1`, "|")

var documents = []string{
	"", "\n", "# only a comment\n", "---\n", "--- {}\n", "---\na: 1\n...\n", "a: 1\n---\nb: 2\n", "a: 1\n---\nb: [", "---\n---\na: 1",
	"a: 1\nb: two\nc: true\nd: ~\ne:\nf: ''\n", "- a\n- b\n", "just text", "5", "null", "~", "true", "[1,2]", "{\"a\": 1, \"b\": {\"c\": [1, 2, null]}}",
	"a: {b: c}\n", "a: [1, 2]\n", "a:\n  b: c\n", "a:\n- 1\n- 2\nb: x\n", "a: &x 1\nb: *x\n", "a: &x {k: v}\nb: *x\n", "a: *missing\n", "a: &x [*x]\n", "a: &x 1\nb: &x 2\nc: *x\n",
	"base: &b {x: 1, y: 2}\nd:\n  <<: *b\n  y: 3\n", "base: &b {x: 1, y: 2}\nd:\n  y: 3\n  <<: *b\n", "<<: {a: 1}\nb: 2\n", "<<: [{a: 1}, {a: 2, c: 3}]\nb: 2\n", "<<: 5\n", "\"<<\": 5\n", "'<<': {a: 1}\n", "<<: [1]\n", "<<: []\na: 1\n", "x: &l [{a: 1}]\n<<: *l\n",
	"1: a\n", "1.5: a\n", "1e3: a\n", "true: a\n", "yes: a\n", "~: a\n", "null: a\n", ".inf: a\n", "-.inf: a\n", ".nan: b\n", "[1]: a\n", "{a: 1}: b\n", "? a\n: b\n", "? a\n", "18446744073709551615: a\n", "010: a\n", "0.1: a\n", "2001-01-01: a\n",
	"a: 1\na: 2\n", "a: 1\n\"a\": 2\n",
	"a: |\n  line 1\n  line 2\n", "a: |-\n  line 1\n  line 2\n\nb: x", "a: |+\n  line 1\n\n\nb: x", "a: >\n  folded\n  text\n\n  more\n", "a: >-\n  folded\n  text\n", "a: |2\n    indented\n", "a: |\n\ttab\n", "a: |\n", "a: ''\n", "a: |\r\n  crlf\r\n  two\r\n",
	"a: 'single\n\n  quoted'\n", "a: \"double\\\n  joined\"\n", "a: \"double\n  folded\n\n  twice\"\n",
	"a: b: c\n", "a: 'open\n", "a: \"open\n", "a: [1, 2\n", "a: {b\n", "\ta: 1\n", "a: 1\n b: 2\n", "a:\n\t- b\n", " a: 1\nb: 2\n", "- a\nb: 1\n", "a: @x\n", "a: `x\n", "a: %x\n", "%YAML 1.1\n---\na: 1\n", "%YAML 1.2\n---\na: 1\n", "%YAML 2.0\n---\na: 1\n", "%TAG ! tag:example.com,2000:\n---\na: !x 1\n",
	"a: \x01\n", "a: \x7f\n", "a: \u0085b\n", "a: \u0080\n", "\ufeffa: 1\n", "a: x\ufeffy\n", "a: 🔑\n", "a: \u2028b\n", "a: \ufffe\n",
	"a: x # comment\n# more\nb: y #\n", "a: x#y\n", "key with spaces: v\n", "\"quoted key\": v\n", "a : v\n", "a:v\n", "{a:1}", "{a: 1, b}", "{a, b: }", "[a: 1, b]", "{\"a\":1}", "{\"a\":\"b\",}", "[a,,b]", "[,]", "{a: [b, {c: d}]}",
	"a: http://x:80/y?z=1#f\n", "a: [http://x:80/y]\n", "a: {u: http://x}\n", "a: x:y\n", "a: x, y\n", "a: -\n", "a: - b\n", "a: ?\n", "a: ? b\n", "a: '- b'\n", "a: :\n", "a: [-, b]\n", "a: [- b]\n", "a: !!str\n", "a: !!str\nb: 1\n", "a: &x\nb: *x\n", "!!map {a: 1}\n", "!!seq [a]\n", "!custom {a: 1}\n", "!!str {a: 1}\n", "a: !!int [1]\n",
	"username: app\npassword: p@ss:w0rd\nport: 5432\n", "config.yaml: |\n  db:\n    host: x\n    port: 5432\nplain: y\n", "a:   \n  b\n", "a:\n  b\n  c\n", "a: b\n  c\n\n  d\n", "a:\n\n\n  b\n", "-\n- a\n-\n", "a: ---\n", "a: |\n  ---\n  x\n", "---a: b\n", "a: b\n---", "...\n", "...\na: b\n", "a: b\n...\n...\nc: d\n",
	"? |\n  block key\n: v\n", "? - a\n: b\n", "a: !<!x> b\n", "a: !x!y b\n", "*a : b\n", "&a b: c\nd: *a\n", "&a : c\n", "a: 1\n\n\n\nb: [\n1,\n2\n]\n", "a: \"\\u00e9\\x41\\n\\t\\0\\e\\_\\N\\L\\P\"\n", "a: \"\\ud83d\\udd11\"\n", "a: \"\\U00110000\"\n", "a: '\\n'\n", "a: \"x\\ y\"\n",
	"a: |\n  x", "a: |\n  x\n ", "a: |\n  x\n  ", "a: |+\n  x\n ", "a: |+\n  x", "a: |-\n  x", "a: |+\n ", "a: |", "a: |\n ", "a: |+", "a: >\n  x\n  y", "a: >\n  x\n\n", "a: |\n  x\n\n  y", "a: |\n\n  x\n   y", "|\n  a: 1", "a: |\n  x # y\n# z", "a: |2\n   x", "a: |\n  x\n\t", "- |\n x\n- |\n y", "a: \"x\\", "a: \"x\\\n", "a: 'x", "[!!str, x]", "a: [!!str , x]", "a: !!str", "a: !<%ff> x", "!%c3%a9 x", "a: b\nc", "a: b\n  ", "a: # x", "#", "a: b #",
	strings.Repeat("[", 120) + strings.Repeat("]", 120),
	strings.Repeat("[", 60) + strings.Repeat("]", 60),
	"k" + strings.Repeat("x", 1100) + ": v\n",
}

func yamlVectors() []yamlVector {
	texts := append([]string{}, documents...)
	for _, scalar := range scalars {
		texts = append(texts, "k: "+scalar+"\n")
	}
	vectors := []yamlVector{}
	for _, text := range texts {
		vector := yamlVector{Text: text, Any: json.RawMessage("null")}
		src := make(map[string]string)
		if err := yaml.Unmarshal([]byte(text), &src); err == nil {
			vector.Strings = src
		}
		m := map[string]any{}
		if err := yaml.Unmarshal([]byte(text), &m); err == nil {
			vector.Any, _ = json.Marshal(m)
			vector.Again = toYAML(m)
		} else {
			vector.Error = err.Error()
		}
		vectors = append(vectors, vector)
	}
	return vectors
}

func toYAML(v any) string {
	data, err := yaml.Marshal(v)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(data), "\n")
}

var texts = []string{
	"", " ", "a", "plain", "two words", "yes", "no", "true", "null", "~", "123", "1.5", "0x1f", "010", "1e3", "12:30", "12:30:45.5", "190:20", "1:60", "2001-01-01", "2001-1-1", "2001-02-29", "2004-02-29", "2001-13-01", "2001-00-01", "2001-01-00", "2001-1-", "2001-01-01 1:2:3", "2001-01-01 24:02:03", "2001-01-01 12:30", "2001-12-14t21:59:43.10-05:00", "2001-12-14T21:59:43Z", "2001-12-14T21:59:43", "2001-12-14T21:59:43+5:00", "2001-12-14T21:59:43+24:00", "2001-12-14T21:59:43+25:00", "2001-12-14T21:59:43.Z", "2001-12-14T21:59:43,5Z", "2001-12-14 21:59:43.123456789012", "2001-12-14x", "20011-1-1", ".inf", "<<", "=", "-", "--", "---", "- a", "-a", "?", "? a", "?a", ":", ": a", ":a", "a:", "a: b", "a:b", "a #b", "a#b", "#a", "@a", "`a", "%a", "&a", "*a", "!a", "|", "|a", ">", ">a", "'", "'a'", "it's", "\"", "\"a\"", "a\"b", "[", "[a]", "]", "{", "{a}", "}", ",", "a,b", "a, b", "a]", "a}", "\\", "a\\b", "\t", "a\tb", "\ta", "a ", " a", "a\n", "\n", "\n\n", "a\nb", "a\nb\n", "a\n\nb\n\n", " a\nb", "\na", "a\n b\n", "  a\n  b", "a \nb", "a\n ", "a\r\nb", "\r", "a\rb", "tab\there\nnext", "a\n\tb", "...", "... a", "a ...", "\n---\n", "---\na", "é", "naïve ✓", "🔑", "🔑\nb", "\u00a0", "\u0085", "a\u0085b", "\u2028", "a\u2028b\nc", "\ufeff", "\x00", "\x01", "\x1b", "\x7f", "\u0080", "<>&", "postgres://u:p@h:5432/db?x=1&y=2#z", "-----BEGIN X-----\nabc=\n-----END X-----\n", "{{ .a }}", "%{a}", "a: |\n  b", "key: value\nother: [1, 2]\n",
	strings.Repeat("word ", 40), strings.Repeat("x", 200), strings.Repeat("yes ", 30) + "\n" + strings.Repeat("long line ", 20), "- " + strings.Repeat("quoted: ", 30), strings.Repeat("a  b ", 30), strings.Repeat("é ü ", 40), "\"" + strings.Repeat("q ", 60), "# " + strings.Repeat("comment \\ ", 20), strings.Repeat(" ", 100), " " + strings.Repeat("word ", 40),
}

func toYamlVectors() []toYamlVector {
	values := []any{
		nil, true, false, 0.0, 1.0, -1.0, 1.5, 1e6, 1e20, 1e21, 1e-6, 1e-7, 123456789.25, 0.1, 9007199254740993.0, 1e19, 1.8446744073709552e19, -9.3e18, -9.2e18,
		[]any{}, map[string]any{}, []any{nil, true, "a", 1.0}, []any{[]any{1.0, []any{}}, map[string]any{}}, []any{map[string]any{"a": 1.0, "b": []any{2.0}}},
		map[string]any{"a": map[string]any{"b": map[string]any{"c": []any{1.0, 2.0}}}, "e": []any{}, "m": map[string]any{}},
		map[string]any{"a10": 1.0, "a9": 2.0, "A": 4.0, "b": 5.0, "_": 6.0, "0": 7.0, "10": 8.0, "9": 9.0, "a01": 10.0, "a1": 11.0, "a001": 12.0, "a100": 13.0, "a-b": 14.0, "a.b": 15.0, "é": 16.0, "": 17.0, "a": 18.0, "a0": 19.0, "a00": 20.0, "a1.10": 21.0, "a1.9": 22.0, "true": 23.0, "yes": 24.0, "null": 25.0, "1.5": 26.0},
	}
	for _, text := range texts {
		values = append(values, text, map[string]any{"k": text}, []any{text}, map[string]any{text: "v"}, map[string]any{"k": map[string]any{"l": []any{text, map[string]any{"m": text}}}})
	}
	random := rand.New(rand.NewSource(5))
	letters := []rune("ab 01:-#,[]{}&*!|>'\"%@`?=~<.\\/\n\té\r_+eExyY")
	for i := 0; i < 1500; i++ {
		text := make([]rune, random.Intn(8))
		for j := range text {
			text[j] = letters[random.Intn(len(letters))]
		}
		values = append(values, map[string]any{"k": string(text)})
	}
	vectors := []toYamlVector{}
	for _, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		vectors = append(vectors, toYamlVector{JSON: text, YAML: toYAML(value)})
	}
	return vectors
}
