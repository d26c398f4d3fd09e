package cli

import (
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

func TestPaletteWithAndWithoutColours(t *testing.T) {
	event := dcb.SequencedEvent{Position: 7, Event: dcb.Event{Type: "A", Tags: []string{"x"}, UUID: "u", Data: []byte("d")}}
	with, without := newPalette(true), newPalette(false)
	plain, coloured := string(without.appendEvent(nil, &event)), string(with.appendEvent(nil, &event))
	if want := "7 A x\n    d\n  uuid u\n"; plain != want {
		t.Errorf("got %q, want %q", plain, want)
	}
	if coloured == plain || !strings.HasPrefix(coloured, "\x1b[33m7\x1b[0m ") {
		t.Errorf("got %q", coloured)
	}
}
