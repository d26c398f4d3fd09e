package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
)

func TestWritingIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		nobody, pipe := io.Pipe()
		defer nobody.Close() // ends the write that was given up
		given := make(chan error)
		go func() {
			_, err := (&interruptibleWriter{ctx, pipe}).Write([]byte("text"))
			given <- err
		}()
		synctest.Wait()
		interrupt()
		if err := <-given; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhatCanBeWrittenIsNotInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out bytes.Buffer
	n, err := (&interruptibleWriter{ctx, &out}).Write([]byte("text"))
	if n != 4 || err != nil || out.String() != "text" {
		t.Errorf("wrote %d bytes, %v, %q", n, err, out.String())
	}
}
