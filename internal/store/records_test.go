package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// readRecords returns all records in the log of a store.
func readRecords(t *testing.T, s *store.Store) (all []dcb.SequencedEvent) {
	t.Helper()
	for record, err := range s.Records(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, record)
	}
	return all
}

// fillStore appends events and tracking that cover all fields of a record.
func fillStore(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := context.Background()
	for i := range uint64(40) {
		event := dcb.Event{
			Type: "T", Tags: []string{fmt.Sprint("n:", i%7), "all"}, Data: []byte{0, byte(i), 0xff},
			UUID:     fmt.Sprintf("00000000-0000-4000-8000-%012d", i),
			Metadata: []dcb.Metadata{{Key: "z", Value: "1"}, {Key: "a", Value: ""}},
		}
		var tracking *dcb.TrackingInfo
		if i%3 == 0 {
			tracking = &dcb.TrackingInfo{Source: fmt.Sprint("s", i%2), Position: 10 * i}
		}
		if _, err := s.Append(ctx, []dcb.Event{event, {}}, nil, tracking); err != nil {
			t.Fatal(err)
		}
		if i%5 == 0 { // tracking-only
			alone := dcb.TrackingInfo{Source: fmt.Sprint("s", i%2), Position: 10*i + 5}
			if _, err := s.Append(ctx, nil, nil, &alone); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := s.Append(ctx, nil, nil, &dcb.TrackingInfo{Source: "zero"}); err != nil {
		t.Fatal(err)
	}
}

func TestRestoredStoreEqualsSource(t *testing.T) {
	for _, batch := range []int{1, 7, 1000} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			ctx := context.Background()
			source := openStore(t, t.TempDir(), smallBlocks())
			fillStore(t, source)
			restored := openStore(t, t.TempDir(), smallBlocks())
			for chunk := range slices.Chunk(readRecords(t, source), batch) {
				if err := restored.Restore(ctx, chunk); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := readRecords(t, restored), readRecords(t, source); !reflect.DeepEqual(got, want) {
				t.Errorf("%d records, want the %d of the source", len(got), len(want))
			}
			for _, name := range []string{"s0", "s1", "zero", "none"} {
				want, wantKnown, _ := source.GetTrackingInfo(ctx, name)
				got, known, err := restored.GetTrackingInfo(ctx, name)
				if err != nil || got != want || known != wantKnown {
					t.Errorf("source %s is at %d, %v (%v); want %d, %v", name, got, known, err, want, wantKnown)
				}
			}
			query := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"n:3", "all"}}}}
			want, _, _ := source.Read(ctx, query, dcb.ReadOptions{}).Collect()
			if got, _, err := restored.Read(ctx, query, dcb.ReadOptions{}).Collect(); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("the query returns %v (%v), want %v", got, err, want)
			}
		})
	}
}

func TestRestoreFailures(t *testing.T) {
	at := func(position uint64, tracking *dcb.TrackingInfo) dcb.SequencedEvent {
		return dcb.SequencedEvent{Position: position, Event: dcb.Event{Type: "T"}, Tracking: tracking}
	}
	web := func(position uint64) *dcb.TrackingInfo { return &dcb.TrackingInfo{Source: "web", Position: position} }
	for name, c := range map[string]struct {
		records []dcb.SequencedEvent
		want    error
	}{
		"gap before the first event":      {[]dcb.SequencedEvent{at(3, nil)}, dcb.ErrIntegrity},
		"position that exists":            {[]dcb.SequencedEvent{at(1, nil)}, dcb.ErrIntegrity},
		"gap between events":              {[]dcb.SequencedEvent{at(2, nil), at(4, nil)}, dcb.ErrIntegrity},
		"tracking below the recorded one": {[]dcb.SequencedEvent{at(2, web(6))}, dcb.ErrIntegrity},
		"decreasing tracking":             {[]dcb.SequencedEvent{at(2, web(9)), at(3, web(8))}, dcb.ErrIntegrity},
		"decreasing tracking-only record": {[]dcb.SequencedEvent{at(2, web(9)), at(0, web(8))}, dcb.ErrIntegrity},
		"event without position":          {[]dcb.SequencedEvent{at(2, nil), at(0, nil)}, dcb.ErrInvalidArgument},
		"long source":                     {[]dcb.SequencedEvent{at(2, &dcb.TrackingInfo{Source: strings.Repeat("x", 256)})}, dcb.ErrInvalidArgument},
		"text that is not UTF-8":          {[]dcb.SequencedEvent{{Position: 2, Event: dcb.Event{Type: "\xff"}}}, dcb.ErrInvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir(), nil)
			if err := s.Restore(t.Context(), []dcb.SequencedEvent{at(1, web(7))}); err != nil {
				t.Fatal(err)
			}
			if err := s.Restore(t.Context(), c.records); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			head, _ := s.Head(t.Context())
			tracked, _, _ := s.GetTrackingInfo(t.Context(), "web")
			if head != 1 || tracked != 7 {
				t.Errorf("the store is at %d with tracking %d", head, tracked)
			}
		})
	}
}

func TestRestoreErrorNamesPosition(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	err := s.Restore(t.Context(), []dcb.SequencedEvent{{Position: 1}, {Position: 2, Event: dcb.Event{UUID: "none"}}})
	if err == nil || !strings.Contains(err.Error(), "position 2") || !strings.Contains(err.Error(), "UUID") {
		t.Errorf("error %v", err)
	}
}

func TestRestoreAcceptsRepeatedTracking(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	same := &dcb.TrackingInfo{Source: "web", Position: 7}
	for position := range uint64(3) { // the events of one append, in three calls
		record := dcb.SequencedEvent{Position: position + 1, Tracking: same}
		if err := s.Restore(t.Context(), []dcb.SequencedEvent{record}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRecordsEndWithTheirContext(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	fillStore(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range s.Records(ctx) {
		if n++; err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			return
		}
		cancel()
	}
	t.Errorf("%d records although the context is done", n)
}
