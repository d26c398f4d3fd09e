package sharedlog_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

func TestFateOf(t *testing.T) {
	own, other := []byte("own"), []byte("other")
	records := func(bytes ...[]byte) (there []sharedlog.Record) {
		for i, b := range bytes {
			there = append(there, sharedlog.Record{Index: 7 + uint64(i), Bytes: b})
		}
		return there
	}
	for name, c := range map[string]struct {
		there []sharedlog.Record
		err   error
		want  sharedlog.Fate
	}{
		"no record":           {nil, nil, sharedlog.Undecided},
		"no answer":           {nil, errors.New("no route"), sharedlog.Undecided},
		"its record":          {records(own), nil, sharedlog.Decided},
		"its record and more": {records(own, other), nil, sharedlog.Decided},
		"another record":      {records(other), nil, sharedlog.Lost},
		"its record later":    {records(other, own), nil, sharedlog.Lost},
		"a trimmed record":    {nil, fmt.Errorf("reading: %w", sharedlog.ErrTrimmed), sharedlog.Forgotten},
	} {
		if have := sharedlog.FateOf(own, c.there, c.err); have != c.want {
			t.Errorf("%s: %d, want %d", name, have, c.want)
		}
	}
}
