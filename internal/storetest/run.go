package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
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

// Opener returns a store for one rule. It must register a t.Cleanup that closes
// the store, which a rule may have closed already. The store must be empty unless
// Options.Shared is set.
type Opener func(t T) dcb.EventStore

// Options configures Run. The zero value checks every rule.
type Options struct {
	// SkipBetter skips the rules in which this project deliberately differs from
	// the server that it is compatible with.
	SkipBetter bool
	// Shared means that all stores share one history, which need not be empty: for
	// example, each is a new connection to the same server. Rules that need an
	// empty store are skipped. There must be no other writer.
	Shared bool
	// Patience is the maximum time that one rule waits for the store. Default 30 s.
	Patience time.Duration
}

// rule is one requirement on a store.
type rule struct {
	name   string
	better bool // the server that we are compatible with behaves differently
	empty  bool // needs an empty store
	check  func(*fixture)
}

// suite contains all rules by heading.
var suite = []struct {
	heading string
	rules   []rule
}{
	{"positions", positionRules},
	{"reading", readingRules},
	{"batches", batchRules},
	{"subscribing", subscribingRules},
	{"queries", queryRules},
	{"counting", countingRules},
	{"conditions", conditionRules},
	{"retry", retryRules},
	{"events", eventRules},
	{"limits", limitRules},
	{"tracking", trackingRules},
	{"times", timeRules},
	{"errors", errorRules},
	{"contexts", contextRules},
}

// Run checks every rule in a subtest with a store returned by open.
func Run(t *testing.T, open Opener, options Options) {
	for _, part := range suite {
		t.Run(part.heading, func(t *testing.T) {
			for _, rule := range part.rules {
				t.Run(rule.name, func(t *testing.T) {
					switch {
					case rule.better && options.SkipBetter:
						t.Skip("specific to this project")
					case rule.empty && options.Shared:
						t.Skip("needs an empty store")
					}
					rule.check(newFixture(t, open, options))
				})
			}
		})
	}
}
