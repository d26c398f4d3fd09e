package fakelog_test

import (
	"testing"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/sharedlog/logtest"
)

func open(logtest.T) func() sharedlog.Log {
	engine := fakelog.New(fakelog.Options{})
	return func() sharedlog.Log { return engine.Connect() }
}

func TestConformance(t *testing.T) {
	logtest.Run(t, open, logtest.Options{Virtual: true})
}

// In real time the rules that wait are different ones, so a tenth of the rounds is enough.
func TestConformanceInRealTime(t *testing.T) {
	logtest.Run(t, open, logtest.Options{Rounds: 1000, Quick: true})
}
