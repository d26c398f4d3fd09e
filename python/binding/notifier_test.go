//go:build cgo

package main

import (
	"encoding/binary"
	"io"
	"os"
	"testing"
)

// newTestNotifier returns the handle of a notifier, and a function that reads the next ID
// from its pipe.
func newTestNotifier(t *testing.T) (uint64, func() uint64) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() // the notifier has a duplicate
	notifier, err := newNotifier(int(w.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return notifier, func() uint64 {
		var id [8]byte
		if _, err := io.ReadFull(r, id[:]); err != nil {
			t.Error(err)
		}
		return binary.NativeEndian.Uint64(id[:])
	}
}

func TestNotifierIsNotifiedOnce(t *testing.T) {
	notifier, readID := newTestNotifier(t)
	e, m := newStream(t)
	for _, message := range []string{"one", "two"} {
		m.incoming <- message
	}
	close(m.incoming)
	set(&e.shared.notifier, notifier)
	go e.run()
	waitFor(t, hasAnswers(e, 2))
	if got := readID(); got != uint64(e.shared.id) {
		t.Errorf("notified of exchange %d, want %d", got, e.shared.id)
	}
	closeNotifier(notifier)
	if e.shared.notifier != 0 {
		t.Error("the notifier is still registered")
	}
	notify(notifier, 1) // has no effect
	takeAnswers(e)
	e.resume()
	waitFor(t, released(e))
	takeAnswers(e)
}
