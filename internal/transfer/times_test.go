package transfer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/transfer"
)

// noon is a time of the tests.
var noon = time.Date(2020, 2, 29, 12, 0, 0, 5, time.UTC)

// at returns a record with a time, some seconds after noon.
func at(seconds int, r dcb.SequencedEvent) dcb.SequencedEvent {
	r.RecordedAt = noon.Add(time.Duration(seconds) * time.Second)
	return r
}

// timedSource is the content of a store with times.
var timedSource = []dcb.SequencedEvent{
	tracking("before", 1), at(0, event(1)), at(1, event(2)), tracking("web", 7), at(1, event(3)), at(9, event(4)), tracking("web", 8),
}

func TestCopiesKeepTimes(t *testing.T) {
	for _, compress := range []bool{false, true} {
		copied := newMemory()
		if _, err := importInto(t, copied, exported(t, newMemory(timedSource...), compress)); err != nil {
			t.Error(err)
		}
		wantSame(t, copied, timedSource)
	}
	copied := newMemory()
	if _, err := transfer.Pull(t.Context(), copied, newMemory(timedSource...), nil, new(observed)); err != nil {
		t.Error(err)
	}
	wantSame(t, copied, []dcb.SequencedEvent{timedSource[1], timedSource[2], timedSource[4], timedSource[5]})
}

func TestContinuedImportKeepsTimesOfEvents(t *testing.T) {
	export := exported(t, newMemory(timedSource...), false)
	for n := range timedSource {
		copied := newMemory(timedSource[:n]...)
		if _, err := importInto(t, copied, export); err != nil {
			t.Errorf("after %d records: %v", n, err)
		}
		wantSame(t, copied, timedSource)
	}
}

func TestImportComparesTimes(t *testing.T) {
	events := []dcb.SequencedEvent{at(0, event(1)), at(1, event(2)), at(2, event(3))}
	export := exported(t, newMemory(events...), false)
	for name, own := range map[string][]dcb.SequencedEvent{
		"later":   {at(0, event(1)), at(2, event(2))},
		"earlier": {at(0, event(1)), at(0, event(2))},
		"unknown": {at(0, event(1)), event(2)},
	} {
		copied := newMemory(own...)
		if _, err := importInto(t, copied, export); !errors.Is(err, dcb.ErrIntegrity) || !transfer.IsSourceInvalid(err) || !strings.Contains(err.Error(), "recorded time of position 2") {
			t.Errorf("%s: import returns %v", name, err)
		}
		wantSame(t, copied, own)
	}
	// A source that does not tell times has no other ones.
	untimed := exported(t, newMemory(event(1), event(2), event(3)), false)
	copied := newMemory(events[:2]...)
	if _, err := importInto(t, copied, untimed); err != nil {
		t.Error(err)
	}
	wantSame(t, copied, []dcb.SequencedEvent{events[0], events[1], event(3)})
}

func TestImportRejectsImpossibleTimes(t *testing.T) {
	ahead := func(d time.Duration) dcb.SequencedEvent {
		r := event(3)
		r.RecordedAt = time.Now().Add(d)
		return r
	}
	for name, c := range map[string]struct {
		records []dcb.SequencedEvent
		want    string // empty if the records are valid
	}{
		"equal":                   {[]dcb.SequencedEvent{at(1, event(1)), at(1, event(2)), at(1, event(3))}, ""},
		"decreasing":              {[]dcb.SequencedEvent{at(1, event(1)), at(2, event(2)), at(1, event(3))}, "line 3 was recorded at 2020-02-29T12:00:01.000000005Z, but line 2 at 2020-02-29T12:00:02.000000005Z"},
		"one without":             {[]dcb.SequencedEvent{at(1, event(1)), at(2, event(2)), event(3)}, "line 3 has no recorded time, but line 2 has one"},
		"one with":                {[]dcb.SequencedEvent{event(1), event(2), at(1, event(3))}, "line 3 has a recorded time, but line 2 has none"},
		"tracking without":        {[]dcb.SequencedEvent{at(1, event(1)), at(2, event(2)), tracking("s", 1)}, ""},
		"clock of another server": {[]dcb.SequencedEvent{at(1, event(1)), at(1, event(2)), ahead(time.Hour)}, ""},
		"future":                  {[]dcb.SequencedEvent{at(1, event(1)), at(1, event(2)), ahead(25 * time.Hour)}, "line 3 was recorded"},
	} {
		copied := newMemory()
		_, err := importInto(t, copied, exported(t, newMemory(c.records...), false))
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || !strings.Contains(err.Error(), "remove it from all lines") {
			t.Errorf("%s: import returns %v", name, err)
		}
		if got, _ := copied.all(); len(got) != 2 {
			t.Errorf("%s: %d records were imported, want those before", name, len(got))
		}
	}
}

func TestLineWithInvalidTimeIsNamed(t *testing.T) {
	export := string(exported(t, newMemory(timedSource...), false))
	lines := strings.SplitAfter(export, "\n")
	lines[2] = `{"position":2,"recorded_at":"yesterday","type":"T"}` + "\n"
	_, err := importInto(t, newMemory(), []byte(strings.Join(lines, "")))
	if err == nil || !strings.Contains(err.Error(), "line 3: /recorded_at must be a time such as") || errors.Is(err, ndjson.ErrIncomplete) {
		t.Errorf("import returns %v", err)
	}
}
