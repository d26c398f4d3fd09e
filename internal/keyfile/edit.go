package keyfile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// entry is a key as it is written.
type entry struct {
	Name             string   `toml:"name"`
	SHA256           string   `toml:"sha256,omitempty"`
	Certificate      string   `toml:"certificate,omitempty"`
	Rights           []string `toml:"rights"`
	Types            []string `toml:"types,omitempty"`
	TagPrefixes      []string `toml:"tag_prefixes,omitempty"`
	Expires          any      `toml:"expires,omitempty"`
	AppendsPerSecond float64  `toml:"appends_per_second,omitempty"`
	BytesPerSecond   float64  `toml:"bytes_per_second,omitempty"`
}

// Add returns a file with one more key at its end. What the file contains is unchanged.
func Add(content []byte, k Key) ([]byte, error) {
	before, err := Parse(content)
	if err != nil {
		return nil, err
	}
	for _, other := range before {
		if other.Name == k.Name {
			return nil, fmt.Errorf("there is already a key %q", k.Name)
		}
	}
	e := entry{
		Name: k.Name, Certificate: k.Certificate, Rights: k.Rights, Types: k.Types, TagPrefixes: k.TagPrefixes,
		AppendsPerSecond: k.AppendsPerSecond, BytesPerSecond: k.BytesPerSecond,
	}
	if k.Hash != nil {
		e.SHA256 = hex.EncodeToString(k.Hash[:])
	}
	if !k.Expires.IsZero() {
		e.Expires = k.Expires
	}
	block, err := toml.Marshal(struct {
		Key []entry `toml:"key"`
	}{[]entry{e}})
	if err != nil {
		return nil, err
	}
	after := bytes.Clone(content)
	if len(after) > 0 {
		if after[len(after)-1] != '\n' {
			after = append(after, '\n')
		}
		after = append(after, '\n')
	}
	after = append(after, block...)
	return after, wantKeys(after, append(before, k))
}

// Remove returns a file without the key with a name. The comment directly above its table is
// removed too; everything else is unchanged.
func Remove(content []byte, name string) ([]byte, error) {
	keys, tables, err := parse(content)
	if err != nil {
		return nil, err
	}
	lines := strings.SplitAfter(string(content), "\n")
	for i, k := range keys {
		if k.Name != name {
			continue
		}
		begin, end := aboveTable(lines, tables[i].line-1), len(lines)
		if i+1 < len(tables) {
			end = aboveTable(lines, tables[i+1].line-1)
		}
		after := []byte(strings.Join(lines[:begin], "") + strings.Join(lines[end:], ""))
		return after, wantKeys(after, append(append([]Key{}, keys[:i]...), keys[i+1:]...))
	}
	return nil, fmt.Errorf("there is no key %q", name)
}

// aboveTable returns the line where the comment directly above the header of a table starts,
// or the header if there is none. Lines are counted from 0.
func aboveTable(lines []string, header int) int {
	for header > 0 && strings.HasPrefix(strings.TrimSpace(lines[header-1]), "#") {
		header--
	}
	return header
}

// wantKeys returns an error if a file that was edited as text does not have the keys that it
// should have, such as after a multi-line text that looks like a comment.
func wantKeys(content []byte, want []Key) error {
	got, err := Parse(content)
	if err != nil {
		return err
	}
	if len(got) != len(want) {
		return errUnusual
	}
	for i := range got {
		g, w := got[i], want[i]
		if !g.Expires.Equal(w.Expires) {
			return errUnusual
		}
		g.Expires = w.Expires
		if !reflect.DeepEqual(g, w) {
			return errUnusual
		}
	}
	return nil
}

var errUnusual = errors.New("the file cannot be edited because of its form; edit it by hand")
