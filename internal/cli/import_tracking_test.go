package cli_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// For each tracking source, the source of an import must have at least the position of the
// store.
func TestImportComparesTracking(t *testing.T) {
	folder := t.TempDir()
	source := filepath.Join(folder, "source")
	record := func(name string, position uint64) dcb.SequencedEvent {
		return dcb.SequencedEvent{Tracking: &dcb.TrackingInfo{Source: name, Position: position}}
	}
	at := time.Date(2020, 2, 29, 12, 0, 0, 0, time.UTC)
	events := []dcb.SequencedEvent{{Position: 1, Event: dcb.Event{Type: "T"}, RecordedAt: at}, record("web", 7), record("mail", 3), {Position: 2, RecordedAt: at}}
	fill := func(dir string, records ...dcb.SequencedEvent) {
		openStore(t, dir, func(s *store.Store) {
			if err := s.Restore(t.Context(), records); err != nil {
				t.Fatal(err)
			}
		})
	}
	fill(source, events...)
	file := filepath.Join(folder, "events.ndjson")
	export(t, "--db-path", source, "--output", file)
	server := "http://" + start(t, "serve", "--db-path", source).address
	for name, c := range map[string]struct {
		own  []dcb.SequencedEvent
		want []string // nil for no error
	}{
		"same":            {events, nil},
		"no tracking":     {[]dcb.SequencedEvent{events[0]}, nil},
		"lower position":  {[]dcb.SequencedEvent{record("web", 6), events[0]}, nil},
		"different order": {[]dcb.SequencedEvent{events[0], events[3], record("web", 7)}, nil},
		"higher position": {append(events[:4:4], record("web", 8)), []string{`position 8 of tracking source "web"`, "nothing was added"}},
		"prefix, higher":  {[]dcb.SequencedEvent{events[0], record("web", 8)}, []string{`position 8 of tracking source "web"`, "nothing was added"}},
		"other source":    {append(events[:4:4], record("other", 0)), []string{`position 0 of tracking source "other"`, "nothing was added"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, from := range [][]string{{file}, {"--from", server}} {
				copied := filepath.Join(t.TempDir(), "copy")
				fill(copied, c.own...)
				before := export(t, "--db-path", copied)
				code, _, stderr := run(append([]string{"import", "--db-path", copied}, from...)...)
				if c.want == nil {
					if code != 0 {
						t.Errorf("%v: exit code %d: %s", from, code, stderr)
					}
					continue
				}
				wantError(t, code, stderr, 3, append(c.want, "the histories differ")...)
				if after := export(t, "--db-path", copied); after != before {
					t.Errorf("%v: the store changed to\n%s", from, after)
				}
			}
		})
	}
}

func TestImportOfDecreasingTracking(t *testing.T) {
	lines := `{"position":1,"tracking":{"source":"web","position":5}}
{"tracking":{"source":"web","position":6}}
{"position":2}
{"position":3,"tracking":{"source":"web","position":4}}
{"end":{"head":3}}
`
	copied := filepath.Join(t.TempDir(), "copy")
	code, _, stderr := runWithStdin(strings.NewReader(lines), "import", "--db-path", copied)
	wantError(t, code, stderr, 3, `line 4 decreases the position of tracking source "web" from 6 to 4 (line 2 has 6)`, "never decrease", "import the whole source into an empty directory", "nothing was added")
	if strings.Contains(stderr, "histories") {
		t.Errorf("the error is that of another history: %s", stderr)
	}
}

func TestWarningAboutUnknownTrackingSource(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source")
	fillMany(t, source, 1)
	server := "http://" + start(t, "serve", "--db-path", source).address
	for _, args := range [][]string{
		{"export", "--url", server},
		{"import", "--from", server, "--db-path", filepath.Join(t.TempDir(), "copy")},
	} {
		code, _, stderr := run(append(args, "--tracking-source", "web", "--tracking-source", "wbe")...)
		if code != 0 || strings.Count(stderr, "has no tracking source") != 1 || !strings.Contains(stderr, `"wbe"`) {
			t.Errorf("%s: exit code %d: %s", args[0], code, stderr)
		}
	}
}
