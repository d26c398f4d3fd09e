package servertest

import (
	"context"
	"strings"
	"sync"
)

// Output is the output of a process so far.
type Output struct {
	mu       sync.Mutex
	text     []byte        // guarded by mu
	complete bool          // guarded by mu; the process has exited
	changed  chan struct{} // guarded by mu; closed and replaced when the output changes
}

func newOutput() *Output { return &Output{changed: make(chan struct{})} }

// Write appends output of the process.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	o.change()
	return len(p), nil
}

// finish marks the output as complete.
func (o *Output) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.complete = true
	o.change()
}

// change wakes the callers of Await. The caller holds mu.
func (o *Output) change() {
	close(o.changed)
	o.changed = make(chan struct{})
}

// String returns the output so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// Await waits until condition returns true for the output so far. It returns false if
// the process exits or ctx is done before.
func (o *Output) Await(ctx context.Context, condition func(output string) bool) bool {
	for {
		o.mu.Lock()
		text, complete, changed := string(o.text), o.complete, o.changed
		o.mu.Unlock()
		if condition(text) {
			return true
		}
		if complete {
			return false
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// end returns the end of the output, for an error.
func (o *Output) end() string {
	const most = 2000
	text := o.String()
	return strings.TrimSpace(strings.ToValidUTF8(text[max(0, len(text)-most):], "?"))
}
