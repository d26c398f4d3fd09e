// Package logtest is the conformance suite of shared logs: the promises of package sharedlog,
// as tests over any Log. An adapter runs it with its engine:
//
//	func TestConformance(t *testing.T) {
//		logtest.Run(t, open, logtest.Options{Rounds: 200})
//	}
package logtest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// T is the part of *testing.T that rules and Openers use.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
	Context() context.Context
	TempDir() string
}

// Opener returns a function that connects to a shared log which does not exist yet. Each call
// of the function returns a new client, as another store would have. It is called only by the
// goroutine of the rule. The suite creates the log and closes the clients. The Opener registers
// with t.Cleanup what else has to be cleaned up.
type Opener func(t T) (connect func() sharedlog.Log)

// Options configures Run. The zero value is for a fast log in real time.
type Options struct {
	// Rounds is how many indexes writers race for. Default 10,000. Other rules with
	// concurrent clients use a tenth of it.
	Rounds int
	// Patience is the maximum time that one rule, or one round, waits for the log.
	// Default 30 s.
	Patience time.Duration
	// Virtual runs each rule in a bubble of package synctest. The log must have no goroutine
	// and no connection outside the bubble.
	Virtual bool
	// Quick skips the rules that wait until reports expire, which take half a minute in real
	// time.
	Quick bool
}

// rule is one requirement on a log.
type rule struct {
	name  string
	slow  bool // waits until reports expire
	check func(*fixture)
}

// suite contains all rules by heading.
var suite = []struct {
	heading string
	rules   []rule
}{
	{"origin", originRules},
	{"E1 agreement", agreementRules},
	{"E2 exact comparison", comparisonRules},
	{"E3 durable", durableRules},
	{"E4 fresh Last", lastRules},
	{"E5 dense and in order", orderRules},
	{"E6 bounded", boundRules},
	{"waiting", waitRules},
	{"contexts", contextRules},
	{"replicas", replicaRules},
	{"closing", closeRules},
}

// Run checks every rule in a subtest with a log of its own.
func Run(t *testing.T, open Opener, options Options) {
	for _, part := range suite {
		t.Run(part.heading, func(t *testing.T) {
			for _, rule := range part.rules {
				t.Run(rule.name, func(t *testing.T) {
					switch {
					case rule.slow && options.Quick:
						t.Skip("takes half a minute")
					case options.Virtual:
						synctest.Test(t, func(t *testing.T) { rule.check(newFixture(t, open, options)) })
					default:
						rule.check(newFixture(t, open, options))
					}
				})
			}
		})
	}
}
