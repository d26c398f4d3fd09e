// Package fakelog is a shared log in memory, for several stores in one process. An adversary,
// whose choices depend only on a seed, loses, delays and repeats their requests. All delays
// are those of package time, so that an engine and its clients can run in a bubble of package
// synctest, in virtual time:
//
//	engine := fakelog.New(fakelog.Options{})
//	log := engine.Connect() // one for each store
//	engine.Attack(fakelog.Hostile(seed))
//	...
//	engine.Heal()
//	origin, records := engine.History()
package fakelog

import (
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// Options configures an Engine.
type Options struct {
	// MaxRecord is the size of the largest record in bytes. Default 1.5 MiB.
	MaxRecord int
}

// Engine is the engine of one shared log.
type Engine struct {
	maxRecord int
	state     state
	clients   atomic.Uint64
	adversary atomic.Pointer[Adversary] // nil if there is none
	down      atomic.Bool

	// The adversary's storms and outages end at these times, in nanoseconds since start.
	start               time.Time
	stormEnd, outageEnd atomic.Int64
}

// New returns an engine without a log, which Create creates, and without an adversary.
func New(options Options) *Engine {
	e := &Engine{maxRecord: options.MaxRecord, start: time.Now()}
	if e.maxRecord == 0 {
		e.maxRecord = 3 << 19
	}
	e.state.init()
	return e
}

// Connect returns a new client. The faults of its calls depend on the seed, on how many
// clients connected before, and on how many calls it made before.
func (e *Engine) Connect() *Client {
	return &Client{engine: e, number: e.clients.Add(1), closed: make(chan struct{})}
}

// Attack replaces the adversary, for calls from now on.
func (e *Engine) Attack(a Adversary) {
	e.stormEnd.Store(0)
	e.outageEnd.Store(0)
	e.adversary.Store(&a)
}

// Heal removes the adversary: storms and outages end, and calls from now on are executed at
// once. Requests that were delayed before still arrive, and calls that do not get an answer
// still wait until their contexts are done.
func (e *Engine) Heal() { e.adversary.Store(nil) }

// SetDown sets whether the engine is down. Then every call fails at once and is not executed,
// and calls of Wait in progress do not return.
func (e *Engine) SetDown(down bool) {
	e.down.Store(down)
	e.state.wake()
}

// History returns the origin, and all records that were ever added, also those that were
// trimmed. The caller must not change their bytes.
func (e *Engine) History() (sharedlog.Origin, []sharedlog.Record) { return e.state.history() }
