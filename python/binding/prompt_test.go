//go:build cgo

package main

import (
	"context"
	"testing"
)

// searching is messages, the first of which is found when nobody is in haste.
type searching struct {
	ctx   context.Context
	haste bool // somebody was
}

// Next searches until that takes too long.
func (m *searching) Next() ([]byte, error) {
	for range 1_000_000_000 {
		if m.ctx.Err() != nil {
			m.haste = true
			return nil, m.ctx.Err()
		}
		if m.haste {
			break
		}
	}
	return []byte("found"), nil
}

// Close does nothing.
func (m *searching) Close() {}

func TestPromptStreamThatTakesLongIsPumped(t *testing.T) {
	base, _ := streamed(t)
	p := prompted(base)
	m := &searching{ctx: p.haste}
	p.messages = m
	defer p.free()
	if got := nextOf(t, p); got.message != "found" || !m.haste || p.slow == nil {
		t.Errorf("got %+v, haste: %v", got, m.haste)
	}
}

func TestPromptStreamStaysOnItsThread(t *testing.T) {
	base, m := streamed(t)
	p := prompted(base)
	defer p.free()
	m.come <- "at once"
	if got := nextOf(t, p); got.message != "at once" || p.slow != nil {
		t.Errorf("got %+v, pumped: %v", got, p.slow != nil)
	}
}
