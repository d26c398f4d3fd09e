package cli

import (
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Batches of large events have fewer events, so that memory stays bounded.
func TestBatchesAreBoundedByBytes(t *testing.T) {
	third := strings.Repeat("x", appendBatchBytes/3)
	small := `{"type":"A"}` + "\n"
	large := `{"type":"A","data":"` + third + `"}` + "\n"
	huge := `{"type":"A","data":"` + strings.Repeat("x", requestLimits.EventBytes-100) + `"}` + "\n"
	in, err := newEventReader(strings.NewReader(large + large + "\n" + large + huge + huge + small + small + small + small))
	if err != nil {
		t.Fatal(err)
	}
	var sizes, lines []int
	synctest.Test(t, func(t *testing.T) { // on a slow machine, it could take too long for one batch
		for b := range in.batches(t.Context(), 3) {
			if b.err != nil {
				t.Fatal(b.err)
			}
			sizes, lines = append(sizes, len(b.events)), append(lines, b.last)
		}
	})
	if want := []int{2, 1, 1, 3, 2}; !slices.Equal(sizes, want) {
		t.Errorf("the batches have %v events, want %v", sizes, want)
	}
	if want := []int{2, 4, 5, 8, 10}; !slices.Equal(lines, want) {
		t.Errorf("the batches end with the lines %v, want %v", lines, want)
	}
}

// The events in a pipe are appended even if it takes long until more arrive.
func TestBatchDoesNotWaitForPausedPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipe, lines := io.Pipe()
		in, err := newEventReader(pipe)
		if err != nil {
			t.Fatal(err)
		}
		batches := in.batches(t.Context(), 3)
		line := `{"type":"A"}` + "\n"
		for _, c := range []struct {
			lines string
			waits bool // whether the batch is sent only after batchPause
			want  int
		}{
			{line + line, true, 2},
			{line + line + line, false, 3},
			{line, true, 1},
		} {
			start := time.Now()
			io.WriteString(lines, c.lines)
			b := <-batches
			waited := time.Since(start)
			if len(b.events) != c.want || c.waits && waited != batchPause || !c.waits && waited != 0 {
				t.Errorf("a batch of %d events after %v, want %d", len(b.events), waited, c.want)
			}
		}
		io.WriteString(lines, line)
		lines.Close()
		if b := <-batches; len(b.events) != 1 {
			t.Errorf("the last batch has %d events", len(b.events))
		}
		if b, more := <-batches; more {
			t.Errorf("another batch: %+v", b)
		}
	})
}
