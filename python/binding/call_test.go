//go:build cgo

package main

import (
	"context"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime/cgo"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/store"
)

// soon is longer than anything here takes, in milliseconds.
const soon = 60_000

// beginning calls begin, whose types of C it finds out.
func beginning[W ~int32, H ~uint64 | ~uint32 | ~uintptr, R any](
	begin func(context.Context, func(context.Context) result, W, H, *R) H, work func(context.Context) result, wait int, notify cgo.Handle, out *R,
) cgo.Handle {
	return cgo.Handle(begin(context.Background(), work, W(wait), H(notify), out))
}

// seven is work that is done at once.
func seven(context.Context) result { return result{present: true, number: 7} }

var wantSeven = answer{kind: kindOK, present: true, number: 7}

func TestCallThatEndsInTimeHasNoHandle(t *testing.T) {
	for _, wait := range []int{-1, soon} {
		s := newSlot()
		handle := beginning(begin, seven, wait, 0, &s.answers[0])
		if got := s.take(); handle != 0 || got != wantSeven {
			t.Errorf("waiting %d ms: handle %d, %+v", wait, handle, got)
		}
	}
}

func TestCallIsWaitedForInPieces(t *testing.T) {
	s, done := newSlot(), make(chan struct{})
	handle := beginning(begin, func(ctx context.Context) result { <-done; return seven(ctx) }, 1, 0, &s.answers[0])
	if handle == 0 {
		t.Fatal("it has ended before it could")
	}
	defer handle.Delete()
	c := handle.Value().(*call)
	if c.wait(0, &s.answers[0]) || c.wait(1, &s.answers[0]) {
		t.Error("it has an answer before it could")
	}
	close(done)
	if !c.wait(soon, &s.answers[0]) || s.take() != wantSeven {
		t.Error("it has no answer")
	}
}

func TestDroppedCallIsCancelledAndClosesWhatItOpened(t *testing.T) {
	dir, ended := filepath.Join(t.TempDir(), "store"), make(chan struct{})
	work := func(ctx context.Context) result {
		defer close(ended)
		<-ctx.Done()
		o := openOptions{url: "file:" + dir}
		return o.open(ctx)
	}
	s := newSlot()
	handle := beginning(begin, work, 0, 0, &s.answers[0])
	handle.Value().(*call).drop()
	handle.Delete()
	<-ended
	// The store can be opened again as soon as it is closed.
	for until := time.Now().Add(soon * time.Millisecond); ; time.Sleep(time.Millisecond) {
		opened, err := store.Open(dir, nil)
		if err == nil {
			opened.Close()
			return
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
	}
}

// piped gives a notifier, and what reads the next handle that it tells.
func piped(t *testing.T) (*notifier, func() uint64) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() // the notifier has its own
	n, err := newNotifier(int(w.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.release(); r.Close() })
	return n, func() uint64 {
		var told [8]byte
		if _, err := io.ReadFull(r, told[:]); err != nil {
			t.Error(err)
		}
		return binary.NativeEndian.Uint64(told[:])
	}
}

func TestNotifierTellsWhichCallHasEnded(t *testing.T) {
	n, told := piped(t)
	notify := cgo.NewHandle(n)
	defer notify.Delete()
	s := newSlot()
	handle := beginning(begin, seven, soon, notify, &s.answers[0])
	if handle == 0 {
		t.Fatal("there is nothing to tell of")
	}
	defer handle.Delete()
	if got := told(); got != uint64(handle) {
		t.Errorf("told of %d, want %d", got, handle)
	}
	if !handle.Value().(*call).wait(0, &s.answers[0]) || s.take() != wantSeven {
		t.Error("it has no answer")
	}
}

func TestReleasedNotifierHarmsNobody(t *testing.T) {
	n, _ := piped(t)
	n.release()
	notification{to: n, handle: 1}.send()
	notification{handle: 1}.send()
}
