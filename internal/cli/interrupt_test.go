package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/umadb-go/umadb/internal/store"
)

func TestInterruptedOperationThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		disk := make(chan struct{}) // does not respond
		defer close(disk)
		interrupt()
		if _, err := orInterrupted(ctx, func() (int, error) { <-disk; return 0, nil }); !errors.Is(err, errInterrupted) {
			t.Errorf("it returns %v", err)
		}
	})
}

func TestInterruptedOperationThatReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		n, err := orInterrupted(ctx, func() (int, error) {
			interrupt()
			<-ctx.Done()
			return 7, ctx.Err()
		})
		if n != 7 || !errors.Is(err, context.Canceled) {
			t.Errorf("it returns %d, %v", n, err)
		}
	})
}

// The goroutine that reads ahead ends when the context is done.
func TestInterruptionEndsReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
		ctx, interrupt := context.WithCancel(t.Context())
		interruptible(ctx, iotest.OneByteReader(strings.NewReader("abc")))
		synctest.Wait()
		interrupt()
	})
}

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

func TestRepairIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(dir, &store.Options{})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	o := repairOptions{dir: dir}
	if err := o.run(ctx, &store.RepairOptions{}, io.Discard, io.Discard); !errors.Is(err, errInterrupted) || !strings.Contains(err.Error(), "run the same command again") {
		t.Errorf("the error is %v", err)
	}
}
