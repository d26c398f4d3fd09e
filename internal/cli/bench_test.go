package cli

import (
	"slices"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

func TestBenchLatencies(t *testing.T) {
	var ascending []time.Duration
	for i := range 200 {
		ascending = append(ascending, time.Duration(i+1)*time.Millisecond)
	}
	for _, c := range []struct {
		calls int
		want  []float64
	}{{200, []float64{100, 198, 200}}, {1, []float64{1, 1, 1}}} {
		var r benchResult
		r.setLatencies(ascending[:c.calls])
		if got := []float64{*r.P50, *r.P99, *r.Max}; r.Calls != c.calls || !slices.Equal(got, c.want) {
			t.Errorf("%d calls: %v, want %v", r.Calls, got, c.want)
		}
	}
	var none benchResult
	if none.setLatencies(nil); none.P50 != nil || millisText(none.P50) != "-" {
		t.Errorf("%+v without calls", none)
	}
}

func TestBenchChecksReads(t *testing.T) {
	s, err := store.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := newBenchmark([]dcb.EventStore{s}, &benchOptions{})
	w := b.newWriter(s, 3)
	var counted int
	count := func(n int) { counted += n }
	for range 11 {
		if err := w.call(t.Context(), count); err != nil {
			t.Fatal(err)
		}
	}
	if counted != 33 || b.appended() != 33 {
		t.Errorf("%d events counted, %d appended", counted, b.appended())
	}
	for _, read := range []benchCall{newTagRead(s, b.writers), b.newRunRead(s)} {
		for range 20 {
			if err := read(t.Context(), count); err != nil {
				t.Error(err)
			}
		}
	}
	w.calls = 9 // as if the store had more than was acknowledged
	if err := newTagRead(s, b.writers)(t.Context(), count); err == nil {
		t.Error("an event too many is not an error")
	}
}
