package main

import (
	"maps"
	"strconv"
	"sync"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// tally counts the calls and connections of an attack by outcome, so that the report
// shows whether the attack took place.
type tally struct {
	mu     sync.Mutex
	counts map[string]int // guarded by mu
}

func newTally() *tally { return &tally{counts: make(map[string]int)} }

func (t *tally) count(outcome string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[outcome]++
}

// countError counts a call by the status of its error.
func (t *tally) countError(err error) { t.count(status.Code(err).String()) }

// countStatus counts a call by the status in its trailer.
func (t *tally) countStatus(trailer *http2.MetaHeadersFrame) {
	for _, field := range trailer.Fields {
		if field.Name == "grpc-status" {
			code, _ := strconv.Atoi(field.Value)
			t.count(codes.Code(code).String())
			return
		}
	}
	t.count("no status")
}

func (t *tally) all() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts)
}
