package tomlfile_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/tomlfile"
)

func TestExpressionsHaveLines(t *testing.T) {
	values, expressions, err := tomlfile.Parse([]byte("# text\na = '''\nb = 1\n'''\n\"c\".d = 2\n[e]\nf = 3\n[[g.h]]\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []tomlfile.Expression{
		{Line: 2, Path: []string{"a"}},
		{Line: 5, Path: []string{"c", "d"}},
		{Line: 6, Path: []string{"e"}, IsTable: true},
		{Line: 7, Path: []string{"f"}},
		{Line: 8, Path: []string{"g", "h"}, IsTable: true, IsArray: true},
	}
	if !reflect.DeepEqual(expressions, want) {
		t.Errorf("the expressions are %+v", expressions)
	}
	if values["a"] != "b = 1\n" || expressions[1].Name() != "c.d" {
		t.Errorf("the values are %v", values)
	}
}

func TestErrorOfTOMLBeginsWithLine(t *testing.T) {
	for text, line := range map[string]string{"a = 1\nb = ": "2: ", "a = 1\na = 2": "2: ", "\n\nx": "3: "} {
		if _, _, err := tomlfile.Parse([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), line) || strings.Contains(err.Error(), "toml: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
