package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// forgery is a log of one segment with one group. All checksums are valid, but the
// content may not be.
type forgery struct {
	base, previous uint64
	kind           uint8
	count          uint32
	payload        []byte
}

var forgedID = []byte("a forged store's")

// forgedHeader returns a segment header as described in docs/format.md. The segment
// follows a group with the given index, chain and time.
func forgedHeader(id []byte, base, previous, index, chain, time uint64) []byte {
	header := bytes.Join([][]byte{
		[]byte("UmaDBlog"), le(4, 1), le(4, 0), id, le(8, base), le(8, previous), le(8, index), le(8, chain), le(8, time), le(4, 0),
	}, nil)
	return append(header, le(4, crc(header))...)
}

// bytes returns the segment with a clean-close record.
func (f *forgery) bytes() []byte {
	segment := forgedHeader(forgedID, f.base, f.previous, 0, 0, 0)
	group, chain := forgedGroup(1, 0, f.kind, f.count, f.base, f.payload)
	closing, _ := forgedGroup(2, chain, byte(eventlog.KindClose), 0, f.base+uint64(f.count), nil)
	return append(append(segment, group...), closing...)
}

func forgedGroup(index, previousChain uint64, kind uint8, count uint32, first uint64, payload []byte) (group []byte, chain uint64) {
	guarded := bytes.Join([][]byte{
		le(4, crc(payload)), {kind, 0, 0, 0}, le(4, uint64(count)), le(8, 1), le(8, index), le(8, 1), le(8, first), le(4, uint64(len(payload))), le(4, 0),
	}, nil)
	chain = xxh3.Hash(append(le(8, previousChain), guarded...))
	guarded = append(guarded, le(8, chain)...)
	return bytes.Join([][]byte{le(4, crc(forgedID, guarded)), guarded, payload}, nil), chain
}

// disk returns a file system with the store.
func (f *forgery) disk(t testing.TB) *vfs.Mem {
	t.Helper()
	disk := vfs.NewMem()
	if err := disk.MkdirAll("/store/log"); err != nil {
		t.Fatal(err)
	}
	writeFile(t, disk, fmt.Sprintf("/store/log/%020d.log", f.base), f.bytes())
	return disk
}

func writeFile(t testing.TB, disk *vfs.Mem, name string, content []byte) {
	t.Helper()
	file, err := disk.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt(content, 0); err != nil {
		t.Fatal(err)
	}
}

// forgedEvent encodes the record of an event with the given bytes.
func forgedEvent(position uint64, event string) []byte {
	return record.AppendEventRecord(nil, position, record.Event(event), nil)
}

var validEvent = string(record.AppendEvent(nil, &dcb.Event{Type: "T", Tags: []string{"a"}, Data: []byte("d"), UUID: "6f1ed002-ab5c-4b5f-8d3a-0c7c1f2e9b41"}))

// forgeries are forged logs by name, and the seeds of the fuzz test.
var forgeries = map[string]forgery{
	"valid":                           {1, 0, 1, 2, append(forgedEvent(1, validEvent), forgedEvent(2, "")...)},
	"valid, with tracking":            {1, 0, 1, 1, record.AppendTrackingRecord(record.AppendEventRecord(nil, 1, nil, []byte("\x0a\x01s\x10\x07")), []byte("\x0a\x01s\x10\x08"))},
	"event that is a lone tag byte":   {1, 0, 1, 1, forgedEvent(1, "\x12")},
	"type beyond the event":           {1, 0, 1, 1, forgedEvent(1, "\x0a\x64ab")},
	"tag beyond the event":            {1, 0, 1, 1, forgedEvent(1, "\x12\x01a\x12\x64ab")},
	"length above 2^63":               {1, 0, 1, 1, forgedEvent(1, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a")},
	"length of ten bytes":             {1, 0, 1, 1, forgedEvent(1, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7fa")},
	"event that is not canonical":     {1, 0, 1, 1, forgedEvent(1, "\x12\x01a\x0a\x01T")},
	"more events than in the header":  {1, 0, 1, 1, append(forgedEvent(1, ""), forgedEvent(2, "")...)},
	"fewer events than in the header": {1, 0, 1, 3, append(forgedEvent(1, ""), forgedEvent(2, "")...)},
	"no events, 2^32-1 in the header": {1, 0, 1, math.MaxUint32, nil},
	"repeated position":               {1, 0, 1, 2, append(forgedEvent(1, ""), forgedEvent(1, "")...)},
	"position far away":               {1, 0, 1, 1, forgedEvent(1<<40, "")},
	"position 0 without tracking":     {1, 0, 1, 0, forgedEvent(0, validEvent)},
	"position 0 counted as an event":  {1, 0, 1, 1, forgedEvent(0, validEvent)},
	"clean-close record with events":  {1, 0, 2, 1, forgedEvent(1, validEvent)},
	"clean-close record with payload": {1, 0, 2, 0, forgedEvent(1, validEvent)},
	"unknown kind":                    {1, 0, 3, 1, forgedEvent(1, validEvent)},
	"source of 5 MB":                  {1, 0, 1, 0, record.AppendTrackingRecord(nil, record.AppendTracking(nil, &dcb.TrackingInfo{Source: strings.Repeat("s", 5<<20), Position: 1}))},
	"source that is not UTF-8":        {1, 0, 1, 0, record.AppendTrackingRecord(nil, []byte("\x0a\x01\xff"))},
	"missing first segment":           {5, 0, 1, 1, forgedEvent(5, validEvent)},
	"base of 2^64-1":                  {math.MaxUint64, 0, 1, 1, forgedEvent(math.MaxUint64, validEvent)},
	"base of 2^63-1":                  {math.MaxInt64, 0, 1, 1, forgedEvent(math.MaxInt64, validEvent)},
	"base of 0":                       {0, 0, 1, 1, forgedEvent(0, validEvent)},
	"missing previous segment":        {5, 1, 1, 1, forgedEvent(5, validEvent)},
}

func TestForgedLogIsCorruption(t *testing.T) {
	for name, f := range forgeries {
		t.Run(name, func(t *testing.T) {
			verifyForged(t, f.disk(t), strings.HasPrefix(name, "valid"))
		})
	}
}

// FuzzForgedLog opens, checks and reads logs with valid checksums and arbitrary content.
func FuzzForgedLog(f *testing.F) {
	for _, forged := range forgeries {
		if len(forged.payload) < 1<<20 {
			f.Add(forged.base, forged.previous, forged.kind, forged.count, forged.payload)
		}
	}
	f.Fuzz(func(t *testing.T, base, previous uint64, kind uint8, count uint32, payload []byte) {
		forged := forgery{base, previous, kind, count, payload}
		disk := forged.disk(t)
		report, err := store.Check(t.Context(), crashDir, &store.CheckOptions{Options: *smallOptions(disk)})
		if err != nil {
			t.Fatal(err)
		}
		verifyForged(t, disk, onlyTrackingProblems(report))
	})
}

// onlyTrackingProblems reports whether the report has no problems other than decreasing
// tracking positions, which a single group does not show and Open does not detect.
func onlyTrackingProblems(report *store.Report) bool {
	for _, p := range report.Problems {
		if p.Invariant != "tracking" {
			return false
		}
	}
	return true
}

// verifyForged fails unless Check and Open accept a valid store, which must then be
// usable, and reject an invalid one.
func verifyForged(t *testing.T, disk *vfs.Mem, valid bool) {
	t.Helper()
	if report := mustCheck(t, disk); onlyTrackingProblems(report) != valid {
		t.Errorf("the check reports %+v; the store is valid: %v", report.Problems, valid)
	}
	for _, readOnly := range []bool{true, false} {
		options := smallOptions(disk)
		options.ReadOnly = readOnly
		s, err := store.Open(crashDir, options)
		if valid != (err == nil) || err != nil && !errors.Is(err, dcb.ErrCorruption) {
			t.Errorf("opening with ReadOnly %v: %v", readOnly, err)
		}
		if err != nil {
			continue
		}
		last := mustBeConsistent(t, s)
		if !readOnly {
			mustRetry(t, s, last)
			mustAppend(t, s, "more", 2)
			mustBeConsistent(t, s)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if valid && !onlyTrackingProblems(mustCheck(t, disk)) {
		t.Error("the store has become corrupt")
	}
}

// mustBeConsistent reads all events with each API and returns the last, nil if there is
// none.
func mustBeConsistent(t *testing.T, s *store.Store) (last *dcb.SequencedEvent) {
	t.Helper()
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	events, _, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil || uint64(len(events)) != head {
		t.Fatalf("%d events up to %d, %v", len(events), head, err)
	}
	for i := range events {
		last = &events[i]
		query := dcb.Query{Items: []dcb.QueryItem{{Types: []string{last.Event.Type}, Tags: last.Event.Tags}}}
		found, _, err := s.Read(t.Context(), query, dcb.ReadOptions{Start: &last.Position, Backwards: true, Limit: new(uint32(1))}).Collect()
		if err != nil || len(found) != 1 || found[0].Position != uint64(i+1) {
			t.Fatalf("the query for event %d returns %+v, %v", i+1, found, err)
		}
	}
	copied := uint64(0)
	for record, err := range s.Records(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if record.Position != 0 {
			copied++
		}
	}
	if copied != head {
		t.Errorf("%d of %d events can be copied", copied, head)
	}
	if _, err := s.Stats(t.Context(), new(store.StatsOptions)); err != nil {
		t.Error(err)
	}
	for _, err := range s.TrackingSources(t.Context()) {
		if err != nil {
			t.Error(err)
		}
	}
	return last
}

// mustRetry repeats the append of an event and fails unless it is recognised.
func mustRetry(t *testing.T, s *store.Store, last *dcb.SequencedEvent) {
	t.Helper()
	if last == nil || last.Event.UUID == "" {
		return
	}
	condition := &dcb.AppendCondition{After: last.Position - 1}
	position, err := s.Append(t.Context(), []dcb.Event{last.Event}, condition, nil)
	if err != nil || position != last.Position {
		t.Errorf("repeated append: position %d, error %v, want %d", position, err, last.Position)
	}
}
