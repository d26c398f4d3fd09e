package cli

import (
	"slices"
	"strings"
	"testing"
)

// Large events go into fewer a request, so that memory stays bounded.
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
	for {
		b := in.batch(3)
		if b.err != nil {
			t.Fatal(b.err)
		}
		if len(b.events) == 0 {
			break
		}
		sizes, lines = append(sizes, len(b.events)), append(lines, b.last)
	}
	if want := []int{2, 1, 1, 3, 2}; !slices.Equal(sizes, want) {
		t.Errorf("the batches have %v events, want %v", sizes, want)
	}
	if want := []int{2, 4, 5, 8, 10}; !slices.Equal(lines, want) {
		t.Errorf("the batches end with the lines %v, want %v", lines, want)
	}
}
