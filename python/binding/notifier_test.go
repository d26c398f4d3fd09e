//go:build cgo

package main

import (
	"encoding/binary"
	"io"
	"os"
	"testing"
)

// piped gives the handle of a notifier, and what reads the next number that it tells.
func piped(t *testing.T) (uint64, func() uint64) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() // the notifier has its own
	notifier, err := newNotifier(int(w.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return notifier, func() uint64 {
		var told [8]byte
		if _, err := io.ReadFull(r, told[:]); err != nil {
			t.Error(err)
		}
		return binary.NativeEndian.Uint64(told[:])
	}
}

func TestNotifierTellsOnceWhatHasAnAnswer(t *testing.T) {
	notifier, told := piped(t)
	e, m := streamed(t)
	for _, message := range []string{"one", "two"} {
		m.come <- message
	}
	close(m.come)
	set(&e.shared.notifier, notifier)
	go e.run()
	until(t, has(e, 2))
	if got := told(); got != uint64(e.shared.id) {
		t.Errorf("told of %d", got)
	}
	closeNotifier(notifier)
	if e.shared.notifier != 0 {
		t.Error("it would be told again")
	}
	notify(notifier, 1) // harms nobody
	given(e)
	e.hasRoom()
	until(t, released(e))
	given(e)
}
