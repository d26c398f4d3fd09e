package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFinishReturnsError(t *testing.T) {
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	broken := errors.New("broken")
	for _, want := range []error{nil, broken} {
		err := finish(logger, make(chan os.Signal), func(context.Context) error { return want })
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestSecondSignalDoesNotWait(t *testing.T) {
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	signals := make(chan os.Signal, 2)
	signals <- syscall.SIGTERM // a duplicate, sent to the process and to its group
	never := make(chan struct{})
	defer close(never)
	err := finish(logger, signals, func(context.Context) error {
		for { // again and again, since finish may start late to count
			select {
			case <-time.After(2 * sameSignal):
				signals <- syscall.SIGTERM
			case <-never:
				return nil
			}
		}
	})
	if err == nil || !strings.Contains(err.Error(), "second signal") || exitCode(err) != exitFailure {
		t.Errorf("got %v, exit code %d", err, exitCode(err))
	}
}
