// Computes what the libraries that External Secrets Operator uses make of keys, certificates and YAML, for the Rust
// code that has to do the same. Run it where it stands: go run .
package main

import (
	"bytes"
	"encoding/json"
	"os"
)

func main() {
	write("yaml.json", map[string]any{"read": yamlVectors(), "write": toYamlVectors()})
}

func write(name string, value any) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	if err := os.WriteFile(name, buffer.Bytes(), 0o644); err != nil {
		panic(err)
	}
}
