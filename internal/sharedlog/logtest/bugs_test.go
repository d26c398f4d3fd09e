package logtest_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/logtest"
)

// bug is a log with one defect, and the rules that must detect it. The functions replace
// methods. They are called with the log locked, except wait.
type bug struct {
	name  string
	rules []string

	create func(*client, sharedlog.Origin) (sharedlog.Origin, error)
	append func(*client, appending) error
	read   func(c *client, from uint64) ([]sharedlog.Record, error)
	wait   func(*client, context.Context) error
	last   func(*client) sharedlog.Point
	trim   func(c *client, through uint64)
	report func(*client, sharedlog.Replica) sharedlog.Replica
	close  func(*client)
	ttl    time.Duration

	createsLogs, ignoresContexts, usableAfterClose, closesOnce bool
}

var bugs = slices.Concat(plantedBugs, furtherBugs)

// options are for virtual time.
var options = logtest.Options{Rounds: 1000, Patience: 30 * time.Second}

func TestRulesDetectBugs(t *testing.T) {
	for _, bug := range bugs {
		t.Run(bug.name, func(t *testing.T) {
			for _, rule := range bug.rules {
				if failures := check(t, rule, bug); len(failures) == 0 {
					t.Errorf("rule %q does not detect it", rule)
				}
			}
		})
	}
}

func TestRulesAcceptALogWithoutBugs(t *testing.T) {
	for _, rule := range logtest.RuleNames() {
		for _, failure := range check(t, rule, bug{}) {
			t.Errorf("%s: %s", rule, failure)
		}
	}
}

// check checks a rule in virtual time, and returns the failures.
func check(t *testing.T, rule string, b bug) (failures []string) {
	synctest.Test(t, func(*testing.T) {
		failures = record(func(r *recorder) { logtest.CheckRule(r, rule, b.open, options) })
	})
	return failures
}

func TestEveryRuleDetectsSomeBug(t *testing.T) {
	detecting := map[string]bool{}
	for _, bug := range bugs {
		for _, rule := range bug.rules {
			detecting[rule] = true
		}
	}
	for _, rule := range logtest.RuleNames() {
		if !detecting[rule] {
			t.Errorf("rule %q detects no bug", rule)
		}
		delete(detecting, rule)
	}
	for rule := range detecting {
		t.Errorf("unknown rule %q", rule)
	}
}
