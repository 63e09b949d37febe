// Computes what the libraries that External Secrets Operator uses make of keys, certificates and YAML, for the Rust
// code that has to do the same. Run it where it stands: go run .
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"text/template"
)

type vector struct {
	Template string `json:"template"`
	Output   string `json:"output"` // base64
	Fails    bool   `json:"fails"`
}

func main() {
	write("yaml.json", map[string]any{"read": yamlVectors(), "write": toYamlVectors()})
	values := map[string]string{}
	for name, value := range data() {
		text, err := base64.StdEncoding.DecodeString(value)
		must(err)
		values[name] = string(text)
	}
	vectors := []vector{}
	for _, text := range templates(values) {
		var out bytes.Buffer
		err := template.Must(template.New("").Option("missingkey=error").Funcs(functions()).Parse(text)).Execute(&out, values)
		vectors = append(vectors, vector{Template: text, Output: base64.StdEncoding.EncodeToString(out.Bytes()), Fails: err != nil})
	}
	write("vectors.json", vectors)
}

func write(name string, value any) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	must(encoder.Encode(value))
	must(os.WriteFile(name, buffer.Bytes(), 0o644))
}
