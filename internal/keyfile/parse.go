package keyfile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/umadb-go/umadb/internal/tomlfile"
)

// table is a table [[key]] of a file.
type table struct {
	line   int            // of its header, from 1
	fields map[string]int // the lines of its fields
}

// Parse returns the keys of a file. The errors begin with the number of a line.
func Parse(content []byte) ([]Key, error) {
	keys, _, err := parse(content)
	return keys, err
}

// parse also returns the tables of the keys.
func parse(content []byte) ([]Key, []table, error) {
	file, expressions, err := tomlfile.Parse(content)
	if err != nil {
		return nil, nil, err
	}
	tables, err := scan(expressions)
	if err != nil {
		return nil, nil, err
	}
	values, _ := file["key"].([]any)
	if len(values) != len(tables) {
		return nil, nil, errors.New(`1: write each key as a table with the header [[key]]`)
	}
	keys := make([]Key, len(values))
	for i, t := range tables {
		if err := t.decode(values[i], &keys[i]); err != nil {
			return nil, nil, err
		}
	}
	return keys, tables, unique(keys, tables)
}

func atLine(line int, format string, args ...any) error {
	return fmt.Errorf("%d: %s", line, fmt.Sprintf(format, args...))
}

// scan returns the tables of a file. It fails if there is anything else.
func scan(expressions []tomlfile.Expression) (tables []table, err error) {
	for _, e := range expressions {
		name := e.Name()
		switch {
		case e.IsArray && name == "key" && len(e.Path) == 1:
			tables = append(tables, table{e.Line, make(map[string]int)})
		case e.IsTable && !e.IsArray && name == "key":
			return nil, atLine(e.Line, "write [[key]] instead of [key]: there may be several")
		case e.IsTable:
			return nil, atLine(e.Line, "unknown table %.60q%s", name, suggestion(name, []string{"key"}))
		case len(tables) == 0:
			return nil, atLine(e.Line, "%.60q belongs to no key: start each key with a line [[key]]", name)
		case len(e.Path) > 1 || !isField(name):
			return nil, atLine(e.Line, "unknown field %.60q%s", name, suggestion(name, fieldNames()))
		default:
			tables[len(tables)-1].fields[name] = e.Line
		}
	}
	return tables, nil
}

// decode sets the fields of a key.
func (t *table) decode(values any, k *Key) error {
	for _, f := range fields {
		value, found := values.(map[string]any)[f.name]
		if !found {
			continue
		}
		if err := f.set(k, value); err != nil {
			return atLine(t.fields[f.name], "%s: %v", f.name, err)
		}
	}
	if err := k.check(); err != nil {
		return atLine(t.line, "%v", err)
	}
	return nil
}

// unique returns an error if two keys have the same name or identify the same client.
func unique(keys []Key, tables []table) error {
	names, certificates := map[string]bool{}, map[string]string{}
	hashes := map[[sha256.Size]byte]string{}
	for i, k := range keys {
		t := &tables[i]
		if names[k.Name] {
			return atLine(t.fields["name"], "the name %q occurs twice", k.Name)
		}
		names[k.Name] = true
		if k.Hash == nil {
			if other, found := certificates[k.Certificate]; found {
				return atLine(t.fields["certificate"], "the keys %q and %q have the same certificate", other, k.Name)
			}
			certificates[k.Certificate] = k.Name
			continue
		}
		if other, found := hashes[*k.Hash]; found {
			return atLine(t.fields["sha256"], "the keys %q and %q have the same hash", other, k.Name)
		}
		hashes[*k.Hash] = k.Name
	}
	return nil
}

func fieldNames() (names []string) {
	for _, f := range fields {
		names = append(names, f.name)
	}
	return names
}

func isField(name string) bool { return slices.Contains(fieldNames(), name) }

// suggestion returns the known name that is nearest to a wrong one, for an error message, or
// "" if none is near.
func suggestion(wrong string, known []string) string {
	if len(wrong) > 40 {
		return ""
	}
	wrong = strings.ReplaceAll(strings.ToLower(wrong), "-", "_")
	best, least := "", 3
	for _, name := range known {
		if d := distance(wrong, name); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return fmt.Sprintf("; known are %s", strings.Join(known, ", "))
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance returns how many bytes must be inserted, removed or replaced to change a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
