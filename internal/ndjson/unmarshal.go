package ndjson

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Unmarshal parses a JSON object into a struct, and rejects members that have no field.
// Errors are short messages.
func Unmarshal(text []byte, into any, options ...json.Options) error {
	if err := json.Unmarshal(text, into, json.RejectUnknownMembers(true), json.JoinOptions(options...)); err != nil {
		return explain(err)
	}
	return nil
}

// explain returns a short message for an error in the JSON of a line.
func explain(err error) error {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		return fmt.Errorf("invalid JSON at byte %d: %w", syntactic.ByteOffset, syntactic.Err)
	}
	if !errors.As(err, &semantic) {
		return err
	}
	what := "it" // the line
	if semantic.JSONPointer != "" {
		what = quoteIfNeeded(string(semantic.JSONPointer))
	}
	switch {
	case errors.Is(err, json.ErrUnknownName):
		return fmt.Errorf("unknown field %s; the fields are %s", what, strings.Join(members(semantic.GoType), ", "))
	case errors.Is(err, strconv.ErrSyntax), errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%s must be a whole number from 0 to %d", what, uint64(math.MaxUint64))
	case semantic.Err != nil:
		return fmt.Errorf("%s %w", what, semantic.Err)
	}
	return fmt.Errorf("%s must not be %s", what, kindName(semantic.JSONKind))
}

// quoteIfNeeded returns a JSON pointer as one word: unchanged, or quoted if it has spaces or
// unprintable characters.
func quoteIfNeeded(pointer string) string {
	if strings.ContainsFunc(pointer, func(r rune) bool { return r == ' ' || !strconv.IsPrint(r) }) {
		return strconv.Quote(pointer)
	}
	return pointer
}

// members returns the JSON names of the fields of a struct.
func members(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		names = append(names, t.Field(i).Tag.Get("json"))
	}
	return names
}

// kindName returns the name of a kind of JSON value.
func kindName(kind jsontext.Kind) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case '0':
		return "a number"
	}
	return kind.String() // null, true or false
}
