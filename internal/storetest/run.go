package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// T is what a rule reports to, and what an Opener is given. *testing.T is one.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
	Context() context.Context
	TempDir() string
}

// Opener gives a store for one rule, and sees to it, with t.Cleanup, that it is
// closed in the end. A rule may have closed it before. The store is empty,
// unless Options.Shared is set.
type Opener func(t T) dcb.EventStore

// Options say how Run goes about it. The zero value checks every rule.
type Options struct {
	// SkipBetter leaves out the rules in which this project does better than
	// the server that it is compatible with.
	SkipBetter bool
	// Shared says that the stores have one history in common, with whatever was
	// in it before: each is a new connection to the same server, say. The rules
	// that need an empty store are left out. Nobody else may append meanwhile.
	Shared bool
	// Patience bounds the time that one rule waits for the store. Default 30 s.
	Patience time.Duration
}

// rule is one thing that a store must do.
type rule struct {
	name   string
	better bool // the server that we are compatible with does otherwise
	empty  bool // it takes an empty store to see it
	check  func(*scene)
}

// suite is all rules, under the headings that they are described by.
var suite = []struct {
	heading string
	rules   []rule
}{
	{"positions", positionRules},
	{"reading", readingRules},
	{"batches", batchRules},
	{"subscribing", subscribingRules},
	{"queries", queryRules},
	{"conditions", conditionRules},
	{"retry", retryRules},
	{"events", eventRules},
	{"limits", limitRules},
	{"tracking", trackingRules},
	{"errors", errorRules},
	{"contexts", contextRules},
}

// Run checks every rule in a subtest, over a store that open gives.
func Run(t *testing.T, open Opener, options Options) {
	for _, part := range suite {
		t.Run(part.heading, func(t *testing.T) {
			for _, rule := range part.rules {
				t.Run(rule.name, func(t *testing.T) {
					switch {
					case rule.better && options.SkipBetter:
						t.Skip("only this project does so")
					case rule.empty && options.Shared:
						t.Skip("it takes an empty store")
					}
					rule.check(newScene(t, open, options))
				})
			}
		})
	}
}
