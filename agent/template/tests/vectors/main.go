// Computes what Go and sprig make of the templates that the Rust engine has to render alike.
// Run it where it stands: go run . > vectors.json
package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"text/template"
	"unicode/utf8"

	"github.com/Masterminds/sprig/v3"
)

type vector struct {
	Template string `json:"template"`
	Output   string `json:"output,omitempty"`
	// Instead of an output that is no text, in base64.
	Binary string `json:"binary,omitempty"`
	Fails  bool   `json:"fails,omitempty"`
}

var data = map[string]string{
	"user":       "app",
	"password":   `p"w<&>'%2 /+=é`,
	"port":       "5432",
	"empty":      "",
	"tls.key":    "-----BEGIN-----\nabc\n-----END-----\n",
	"with-dash":  "dashed",
	"unicode":    "naïve ✓ \U0001F511",
	"json":       `{"a":[1,2]}`,
	"tabs":       "a\tb\\c\x01",
	"braces":     "{{ .user }}",
	"multi_line": "one\ntwo\r\nthree",
}

// The functions of External Secrets Operator. Of its own, those that are in no package are written again.
func functions() template.FuncMap {
	functions := sprig.TxtFuncMap()
	functions["hexdec"] = func(text string) string {
		bytes, err := hex.DecodeString(text)
		if err != nil {
			return err.Error()
		}
		return string(bytes)
	}
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(functions, name)
	}
	return functions
}

func main() {
	names := []string{}
	for name := range functions() {
		names = append(names, name)
	}
	slices.Sort(names)
	vectors := []vector{}
	for _, templates := range [][]string{builtin, values, texts, lists, dicts, numbers, dates, encodings, others} {
		for _, text := range templates {
			vectors = append(vectors, compute(text))
		}
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(map[string]any{"data": data, "functions": names, "vectors": vectors}); err != nil {
		panic(err)
	}
}

func compute(text string) vector {
	output, err := render(text)
	switch {
	case err != nil:
		return vector{Template: text, Fails: true}
	case utf8.ValidString(output):
		return vector{Template: text, Output: output}
	default:
		return vector{Template: text, Binary: base64.StdEncoding.EncodeToString([]byte(output))}
	}
}

func render(text string) (string, error) {
	parsed, err := template.New("t").Option("missingkey=error").Funcs(functions()).Parse(text)
	if err != nil {
		return "", err
	}
	var output strings.Builder
	err = parsed.Execute(&output, data)
	return output.String(), err
}
