// Computes what Go makes of property paths, JSON and replacements, as External Secrets Operator uses them.
// Run it where it stands: go run . (it writes property.json, json.json and rewrite.json).
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

func main() {
	write("property.json", properties())
	write("json.json", values())
	write("rewrite.json", replacements())
}

// write puts each vector on a line of its own.
func write[T any](name string, vectors []T) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for i, vector := range vectors {
		out.WriteByte("[,"[min(i, 1)])
		if err := encoder.Encode(vector); err != nil {
			panic(err)
		}
	}
	out.WriteString("]\n")
	if err := os.WriteFile(name, out.Bytes(), 0o644); err != nil {
		panic(err)
	}
}

type property struct {
	JSON   string `json:"json"`
	Path   string `json:"path"`
	Exists bool   `json:"exists"`
	Value  string `json:"value"`
}

// lookup is ESO's: a path with dots is tried as one literal key first.
func lookup(text, path string) gjson.Result {
	if strings.Contains(path, ".") {
		if literal := gjson.Get(text, strings.ReplaceAll(path, ".", "\\.")); literal.Exists() {
			return literal
		}
	}
	return gjson.Get(text, path)
}

func properties() []property {
	var all []property
	for _, group := range propertyGroups {
		for _, text := range group.texts {
			for _, path := range group.paths {
				found := lookup(text, path)
				all = append(all, property{text, path, found.Exists(), found.String()})
			}
		}
	}
	return all
}

type value struct {
	JSON    string             `json:"json"`
	Members map[string]*string `json:"members"`
	Valid   bool               `json:"valid"`
	Escaped string             `json:"escaped"`
	Plain   string             `json:"plain"`
	Value   string             `json:"value"`
}

// values says of each text what extract takes out of it, and what rewrite.merge makes of it.
func values() []value {
	var all []value
	for _, text := range jsonTexts {
		one := value{JSON: text}
		raw := make(map[string]json.RawMessage)
		if json.Unmarshal([]byte(text), &raw) == nil {
			one.Members = make(map[string]*string)
			for name, member := range raw {
				var unquoted string
				if json.Unmarshal(member, &unquoted) != nil {
					unquoted = string(member)
				}
				one.Members[name] = &unquoted
			}
		}
		var decoded any
		if json.Unmarshal([]byte(text), &decoded) == nil {
			one.Valid = true
			escaped, err := json.Marshal(decoded)
			if err != nil {
				panic(err)
			}
			one.Escaped = string(escaped)
			var plain bytes.Buffer
			encoder := json.NewEncoder(&plain)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(decoded); err != nil {
				panic(err)
			}
			one.Plain = strings.TrimRight(plain.String(), "\n")
			one.Value = byteValue(decoded, one.Escaped)
		}
		all = append(all, one)
	}
	return all
}

// byteValue is ESO's GetByteValue.
func byteValue(decoded any, escaped string) string {
	switch typed := decoded.(type) {
	case string:
		return typed
	case float64:
		return strconv.FormatFloat(typed, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(typed)
	case nil:
		return ""
	}
	return escaped
}

type replacement struct {
	Source string `json:"source"`
	Text   string `json:"text"`
	Target string `json:"target"`
	Result string `json:"result"`
}

func replacements() []replacement {
	var all []replacement
	for _, source := range sources {
		for _, text := range names {
			for _, target := range targets {
				result := regexp.MustCompile(source).ReplaceAllString(text, target)
				if result != text {
					all = append(all, replacement{source, text, target, result})
				}
			}
		}
	}
	return all
}
