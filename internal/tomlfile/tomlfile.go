// Package tomlfile parses TOML files and finds the lines of what is in them, for the messages
// about mistakes.
package tomlfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Expression is a line of a TOML file that sets a value or starts a table. A value may
// continue on the next lines.
type Expression struct {
	Line    int      // from 1
	Path    []string // the name that is set, or that of the table; several parts with dots
	IsTable bool     // [path] or [[path]]
	IsArray bool     // [[path]]
}

// Name returns the path with dots.
func (e *Expression) Name() string { return strings.Join(e.Path, ".") }

// Parse returns the values in a TOML file and its expressions in order. The error begins
// with the number of a line.
func Parse(content []byte) (values map[string]any, expressions []Expression, err error) {
	if err := toml.Unmarshal(content, &values); err != nil {
		var invalid *toml.DecodeError
		if !errors.As(err, &invalid) {
			return nil, nil, fmt.Errorf("1: %w", err)
		}
		line, _ := invalid.Position()
		return nil, nil, fmt.Errorf("%d: %s", line, strings.TrimPrefix(invalid.Error(), "toml: "))
	}
	// Decoded values have no positions, so the lines are those of a second pass.
	var p unstable.Parser
	p.Reset(content)
	for p.NextExpression() {
		expression := p.Expression()
		e := Expression{IsArray: expression.Kind == unstable.ArrayTable, IsTable: expression.Kind != unstable.KeyValue}
		for keys := expression.Key(); keys.Next(); {
			if e.Line == 0 {
				e.Line = p.Shape(keys.Node().Raw).Start.Line
			}
			e.Path = append(e.Path, string(keys.Node().Data))
		}
		expressions = append(expressions, e)
	}
	return values, expressions, p.Error()
}
