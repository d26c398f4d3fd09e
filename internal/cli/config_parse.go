package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/tomlfile"
)

// configEntry is a setting of a configuration file.
type configEntry struct {
	name    string
	line    int
	value   any
	isTable bool // a table or a dotted key; there are no such settings
}

// parseConfig parses a configuration file. Its errors begin with a line number.
func parseConfig(content []byte) (entries []configEntry, err error) {
	values, expressions, err := tomlfile.Parse(content)
	for _, expression := range expressions {
		e := configEntry{name: expression.Name(), line: expression.Line, isTable: expression.IsTable || len(expression.Path) > 1}
		if !e.isTable {
			e.value = values[e.name]
		}
		entries = append(entries, e)
		if expression.IsTable {
			break // what follows is part of the unknown table
		}
	}
	return entries, err
}

// flagValues returns the value of a setting as the flag would have it on the command line:
// several for a list, otherwise one.
func (e *configEntry) flagValues(flag *pflag.Flag) ([]string, error) {
	_, isList := flag.Value.(pflag.SliceValue)
	elements, listGiven := e.value.([]any)
	switch {
	case isList && !listGiven:
		return nil, errors.New(`it must be a list, such as ["a", "b"]`)
	case !isList:
		elements = []any{e.value}
	}
	values := []string{}
	for _, element := range elements {
		value, err := flagValue(elementKind(flag), element)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// elementKind returns the type of pflag of a flag, or of the elements of a list.
func elementKind(flag *pflag.Flag) string {
	kind := strings.TrimSuffix(flag.Value.Type(), "Slice")
	return strings.TrimSuffix(kind, "Array")
}

// flagValue returns a value for a flag of a type of pflag, or of one of our own.
func flagValue(kind string, value any) (string, error) {
	integer, isInteger := value.(int64)
	switch {
	case kind == "bool":
		if b, ok := value.(bool); ok {
			return strconv.FormatBool(b), nil
		}
		return "", errors.New("it must be true or false, without quotes")
	case isWhole(kind):
		if isInteger {
			return strconv.FormatInt(integer, 10), nil
		}
		return "", errors.New("it must be a whole number, without quotes")
	case strings.HasPrefix(kind, "float"):
		if f, ok := value.(float64); ok {
			return strconv.FormatFloat(f, 'g', -1, 64), nil
		}
		if isInteger {
			return strconv.FormatInt(integer, 10), nil
		}
		return "", errors.New("it must be a number, without quotes")
	case isInteger && kind != "string" && kind != "duration":
		return strconv.FormatInt(integer, 10), nil // such as a number of bytes
	}
	if text, ok := value.(string); ok {
		return text, nil
	}
	return "", errors.New("it must be text in quotes")
}

// isWhole reports whether a type of pflag is that of one integer.
func isWhole(kind string) bool {
	return strings.HasPrefix(kind, "int") || strings.HasPrefix(kind, "uint") || kind == "count"
}

// text returns the value for an error message.
func (e *configEntry) text() string {
	text, err := json.Marshal(e.value)
	if err != nil { // such as the number inf
		return fmt.Sprint(e.value)
	}
	return string(text)
}
