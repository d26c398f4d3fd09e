package fakelog_test

import (
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/sharedlog/logtest"
)

// attackedBy returns a logtest.Opener of a log that an adversary attacks.
func attackedBy(a fakelog.Adversary) logtest.Opener {
	return func(logtest.T) func() sharedlog.Log {
		engine := fakelog.New(fakelog.Options{})
		if a != (fakelog.Adversary{}) {
			engine.Attack(a)
		}
		return func() sharedlog.Log { return engine.Connect() }
	}
}

func TestConformance(t *testing.T) {
	logtest.Run(t, attackedBy(fakelog.Adversary{}), logtest.Options{Virtual: true})
}

// In real time the goroutines run in other orders. The rounds take longer.
func TestConformanceInRealTime(t *testing.T) {
	logtest.Run(t, attackedBy(fakelog.Adversary{}), logtest.Options{Rounds: 1000, Quick: true})
}

// A slow log, whose reads lag, keeps all promises. Many appends are executed when their caller
// has gone.
func TestConformanceOfASlowLog(t *testing.T) {
	slow := fakelog.Adversary{Delay: 50 * time.Millisecond, SlowLast: 20 * time.Millisecond, ShortRead: 0.3, EarlyWait: 0.2}
	logtest.Run(t, attackedBy(slow), logtest.Options{Rounds: 1000, Virtual: true})
}
