package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/transfer"
)

// source is the content of the store that the tests copy.
var source = []dcb.SequencedEvent{
	tracking("before", 1), event(1), event(2), tracking("web", 7),
	{Position: 3, Tracking: &dcb.TrackingInfo{Source: "web", Position: 8}}, tracking("after", 1),
}

// exported returns the export of a store.
func exported(t *testing.T, from transfer.Log, compress bool) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := transfer.Export(&out, transfer.FromLog(t.Context(), from), compress, func(uint64) {}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// importInto imports an export.
func importInto(t *testing.T, to *memory, export []byte) (tracking uint64, err error) {
	t.Helper()
	in, err := transfer.NewReader(bytes.NewReader(export))
	if err != nil {
		t.Fatal(err)
	}
	return transfer.Import(t.Context(), to, in, func(uint64) {})
}

// wantSame checks that a copy has the records of its source.
func wantSame(t *testing.T, copied *memory, want []dcb.SequencedEvent) {
	t.Helper()
	if got, _ := copied.all(); !reflect.DeepEqual(got, want) {
		t.Errorf("the copy has %+v, want %+v", got, want)
	}
}

func TestImportOfExport(t *testing.T) {
	for _, compress := range []bool{false, true} {
		export := exported(t, newMemory(source...), compress)
		copied := newMemory()
		if n, err := importInto(t, copied, export); err != nil || n != 3 {
			t.Errorf("import returns %d, %v", n, err)
		}
		wantSame(t, copied, source)
		if n, err := importInto(t, copied, export); err != nil || n != 0 {
			t.Errorf("importing again returns %d, %v", n, err)
		}
		wantSame(t, copied, source)
	}
}

func TestImportContinuesAfterEachRecord(t *testing.T) {
	export := exported(t, newMemory(source...), false)
	for n := range source {
		copied := newMemory(source[:n]...)
		if _, err := importInto(t, copied, export); err != nil {
			t.Errorf("after %d records: %v", n, err)
		}
		wantSame(t, copied, source)
	}
}

func TestImportRejectsOtherHistory(t *testing.T) {
	export := exported(t, newMemory(source...), false)
	other := slices.Clone(source)
	other[2].Event.Data = []byte("other")
	for name, own := range map[string][]dcb.SequencedEvent{
		"event":    other,
		"longer":   append(slices.Clone(source), event(4)),
		"tracking": append(slices.Clone(source), tracking("web", 9)),
	} {
		copied := newMemory(own...)
		if _, err := importInto(t, copied, export); !errors.Is(err, dcb.ErrIntegrity) || !transfer.IsSourceInvalid(err) {
			t.Errorf("%s: import returns %v", name, err)
		}
		wantSame(t, copied, own)
	}
}

func TestImportOfIncompleteExportKeepsWhatIsValid(t *testing.T) {
	export := exported(t, newMemory(source...), false)
	cut := export[:bytes.Index(export, []byte(`{"end"`))]
	copied := newMemory()
	if _, err := importInto(t, copied, cut); !errors.Is(err, ndjson.ErrIncomplete) || transfer.IsSourceInvalid(err) {
		t.Errorf("import returns %v", err)
	}
	wantSame(t, copied, source)
}

// observed is an observer that keeps what it is notified of.
type observed struct{ calls []string }

func (o *observed) Begin(head uint64)    { o.calls = append(o.calls, fmt.Sprint("begin ", head)) }
func (o *observed) Progress(uint64)      {}
func (o *observed) End()                 { o.calls = append(o.calls, "end") }
func (o *observed) CaughtUp(head uint64) { o.calls = append(o.calls, fmt.Sprint("caught up ", head)) }
func (o *observed) Lost(error)           { o.calls = append(o.calls, "lost") }
func (o *observed) Reachable()           { o.calls = append(o.calls, "reachable") }

func TestPullCopiesNamedTracking(t *testing.T) {
	copied, server := newMemory(), newMemory(source...)
	var seen observed
	n, err := transfer.Pull(t.Context(), copied, server, transfer.NamedTracking(server, []string{"after", "web", "after", "none"}), &seen)
	if err != nil || n != 1 {
		t.Errorf("pull returns %d, %v", n, err)
	}
	wantSame(t, copied, []dcb.SequencedEvent{source[1], source[2], source[4], source[5]})
	if want := []string{"begin 3", "end"}; !slices.Equal(seen.calls, want) {
		t.Errorf("the observer is notified of %q, want %q", seen.calls, want)
	}
}

func TestPullCopiesListedTracking(t *testing.T) {
	copied, server := newMemory(), newMemory(source...)
	n, err := transfer.Pull(t.Context(), copied, server, transfer.ListedTracking(server.TrackingSources), new(observed))
	if err != nil || n == 0 {
		t.Errorf("pull returns %d, %v", n, err)
	}
	for info := range server.TrackingSources(t.Context()) {
		if got, _, _ := copied.GetTrackingInfo(t.Context(), info.Source); got != info.Position {
			t.Errorf("%s has position %d, want %d", info.Source, got, info.Position)
		}
	}
}

func TestUnknownSources(t *testing.T) {
	unknown, err := transfer.UnknownSources(t.Context(), newMemory(source...), []string{"web", "wbe"})
	if err != nil || !slices.Equal(unknown, []string{"wbe"}) {
		t.Errorf("unknown sources %q, %v", unknown, err)
	}
}

func TestFollowUntilServerHasAnotherStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, copied := newMemory(event(1)), newMemory()
		var seen observed
		result := make(chan error, 1)
		go func() {
			n, err := transfer.Follow(t.Context(), copied, server, transfer.NamedTracking(server, []string{"alone"}), &seen)
			if n != 1 {
				t.Errorf("follow wrote %d tracking-only records", n)
			}
			result <- err
		}()
		synctest.Wait()
		server.change(func() { server.records = append(server.records, event(2), tracking("alone", 7)) })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		wantSame(t, copied, []dcb.SequencedEvent{event(1), event(2), tracking("alone", 7)})

		server.change(func() { server.unreachable = &dcb.Error{Kind: dcb.ErrTransport, Detail: "no answer"} })
		time.Sleep(time.Minute)
		server.change(func() { server.unreachable, server.connections = nil, 2 })
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := []string{"begin 1", "end", "caught up 1", "lost", "begin 2", "end", "reachable"}; !slices.Equal(seen.calls, want) {
			t.Errorf("the observer is notified of %q, want %q", seen.calls, want)
		}

		server.change(func() {
			server.records, server.connections = []dcb.SequencedEvent{event(1), {Position: 2}, tracking("alone", 7)}, 3
		})
		if err := <-result; !errors.Is(err, dcb.ErrIntegrity) {
			t.Errorf("follow returns %v", err)
		}
		wantSame(t, copied, []dcb.SequencedEvent{event(1), event(2), tracking("alone", 7)})
	})
}

func TestFollowEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, stop)
		if _, err := transfer.Follow(ctx, newMemory(), newMemory(source...), nil, new(observed)); !errors.Is(err, context.Canceled) {
			t.Errorf("follow returns %v", err)
		}
	})
}
