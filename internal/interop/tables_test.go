package interop_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/store"
)

// tableEvents is the number of events of TestTablesEqualTheStore. "make tables" has a million.
var tableEvents = flag.Int("table-events", 2000, "number of events in exported tables")

// installTableReaders creates a Python environment with packages that read tables.
var installTableReaders = sync.OnceValues(func() (bin string, err error) {
	return servertest.InstallRequirements(filepath.Join(repository(), ".cache", "python", "tables"), filepath.Join("testdata", "tables", "requirements.txt"))
})

// TestTablesEqualTheStore compares each event of exported tables, as other programs read them, with
// the store.
func TestTablesEqualTheStore(t *testing.T) {
	bin := servertest.OrSkip(t, installTableReaders)
	python3 := filepath.Join(bin, "python3")
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	for name, count := range map[string]int{"empty": 0, "events": *tableEvents} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			dir := filepath.Join(folder, "store")
			fillForTables(t, dir, count, filepath.Join(folder, "expected.ndjson"))
			for _, file := range []string{"events.parquet", "events.csv", "events.csv.zst"} {
				runWithin(t, 256<<20, python3, program, "export", "--db-path", dir, "--output", filepath.Join(folder, file))
			}
			compare := exec.Command(python3, filepath.Join("testdata", "tables", "compare.py"), folder)
			output, err := compare.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, output)
			}
			if want := fmt.Sprintf("compared %d events with 7 tables\n", count); string(output) != want {
				t.Errorf("the output is %q, want %q", output, want)
			}
		})
	}
}

// expectedEvent is an event as the script that compares tables reads it.
type expectedEvent struct {
	Position   uint64            `json:"position"`
	RecordedAt int64             `json:"recorded_at"` // in microseconds
	Type       string            `json:"type"`
	Tags       []string          `json:"tags"`
	UUID       string            `json:"uuid"`
	Metadata   []dcb.Metadata    `json:"metadata"`
	Data       []byte            `json:"data"`
	Tracking   *dcb.TrackingInfo `json:"tracking"`
}

// fillForTables fills a store, and writes the events to a file as they are read again.
func fillForTables(t *testing.T, dir string, count int, expected string) {
	t.Helper()
	s, err := store.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n := 0; n < count; {
		var events []dcb.Event
		for len(events) < min(1000, count-n) {
			events = append(events, tableEvent(n+len(events)))
		}
		n += len(events)
		var tracking *dcb.TrackingInfo
		if n%3000 == 0 {
			tracking = &dcb.TrackingInfo{Source: `an "upstream", `, Position: 1<<64 - 1 - uint64(count) + uint64(n)}
		}
		if _, err := s.Append(t.Context(), events, nil, tracking); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Create(expected)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	encoder := json.NewEncoder(out)
	for e, err := range s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).All() {
		if err == nil {
			err = encoder.Encode(expectedEvent{
				e.Position, e.RecordedAt.UnixMicro(), e.Event.Type, e.Event.Tags, e.Event.UUID, e.Event.Metadata, e.Event.Data, e.Tracking,
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
}

// tableEvent returns an event of one of several forms.
func tableEvent(n int) dcb.Event {
	event := dcb.Event{Type: fmt.Sprint("Type", n%7), Tags: []string{fmt.Sprint("n:", n), fmt.Sprint("group:", n/100)}}
	event.Data = fmt.Appendf(nil, `{"n":%d,"text":"%0*d"}`, n, n%200, n)
	switch n % 20 {
	case 1:
		event = dcb.Event{}
	case 2:
		event.Type, event.Tags = "NA", []string{"", "a", "a", `"q",`, "a\nb", "null", "ü😀"}
	case 3:
		event.Type, event.Data = "\"a\", b\r\n", []byte("a\r\nb\rc\nd\n")
	case 4:
		event.Type, event.Data = " =1+1 ", []byte{0xff, 0xfe, 0}
	case 5:
		event.Type, event.Data = "null", []byte("a\x00b")
	case 6:
		event.UUID = fmt.Sprintf("00000000-0000-4000-8000-%012x", n)
		event.Metadata = []dcb.Metadata{{Key: "z", Value: "1"}, {Key: "", Value: ""}, {Key: "a\n\"", Value: "\u2028,"}}
	case 7:
		event.Type, event.Data = "\ufeffT", []byte("\ufeff\"")
	case 8:
		event.Type, event.Data = "0123", []byte("007")
	}
	if n == 1234 {
		event.Data = slices.Repeat([]byte("large\n"), 200_000)
	}
	return event
}
