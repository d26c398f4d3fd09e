package postgres_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/logtest"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres/pgtest"
)

// The rules that wait until reports expire are for continuous integration.
func TestConformance(t *testing.T) {
	cluster := pgtest.Start(t, 2)
	var logs atomic.Int64
	open := func(t logtest.T) func() sharedlog.Log {
		url := fmt.Sprintf("%s&schema=log%d", cluster.Primary.URL(), logs.Add(1))
		return func() sharedlog.Log {
			log, err := postgres.Open(context.Background(), url)
			if err != nil {
				t.Fatalf("opening the log: %v", err)
			}
			return log
		}
	}
	logtest.Run(t, open, logtest.Options{Rounds: 200, Quick: os.Getenv("CI") == ""})
}
