package store

import (
	"slices"
	"sync"
	"time"
)

// compactions are those in progress and the last one, for Layout. Only the compactor changes them.
type compactions struct {
	mu      sync.Mutex
	running []Compaction // guarded by mu; the last one writes, the others are suspended
	last    Compaction   // guarded by mu
}

// begin adds a compaction of blocks.
func (c *compactions) begin(inputs []*fileBlock) {
	started := Compaction{First: inputs[0].First, Blocks: len(inputs), Level: inputs[0].Level(), Started: time.Now().UTC()}
	for _, b := range inputs {
		started.Events += b.Events
		started.Bytes += b.Bytes
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = append(c.running, started)
}

// wrote counts bytes that the last compaction in progress has written.
func (c *compactions) wrote(bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.running); n > 0 { // otherwise it is a rebuild
		c.running[n-1].Written += int64(bytes)
	}
}

// end removes the last compaction in progress.
func (c *compactions) end(succeeded bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.running) - 1
	if succeeded {
		c.last = c.running[n]
		c.last.Ended = time.Now().UTC()
	}
	c.running = c.running[:n]
}

// list returns the compactions in progress and the last one that has ended.
func (c *compactions) list() (running []Compaction, last Compaction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.running), c.last
}
