package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
)

func TestWriteIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		reader, pipe := io.Pipe()
		defer reader.Close() // ends the abandoned write
		result := make(chan error)
		go func() {
			_, err := (&interruptibleWriter{ctx, pipe}).Write([]byte("text"))
			result <- err
		}()
		synctest.Wait()
		interrupt()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWriteThatDoesNotBlockIsNotInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out bytes.Buffer
	n, err := (&interruptibleWriter{ctx, &out}).Write([]byte("text"))
	if n != 4 || err != nil || out.String() != "text" {
		t.Errorf("wrote %d bytes, %v, %q", n, err, out.String())
	}
}
