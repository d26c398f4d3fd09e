package cli

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// slow is a store that takes long to open.
type slow struct{ closed chan struct{} }

func (s *slow) Close() error {
	close(s.closed)
	return nil
}

func TestOpeningCanBeInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		s, ready := &slow{make(chan struct{})}, make(chan struct{})
		_, err := openUntil(ctx, func() (*slow, error) { <-ready; return s, nil })
		if !errors.Is(err, errInterrupted) {
			t.Errorf("got %v", err)
		}
		close(ready)
		<-s.closed
	})
}
