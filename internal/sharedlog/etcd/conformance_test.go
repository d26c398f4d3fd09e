package etcd_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/etcd"
	"github.com/umadb-go/umadb/internal/sharedlog/etcd/etcdtest"
	"github.com/umadb-go/umadb/internal/sharedlog/logtest"
)

// The rules that wait until reports expire are for continuous integration.
func TestConformance(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 1)
	var logs atomic.Int64
	open := func(t logtest.T) func() sharedlog.Log {
		url := cluster.URL(fmt.Sprintf("log%d", logs.Add(1)))
		return func() sharedlog.Log {
			log, err := etcd.Open(context.Background(), url)
			if err != nil {
				t.Fatalf("opening the log: %v", err)
			}
			return log
		}
	}
	logtest.Run(t, open, logtest.Options{Rounds: 200, Quick: os.Getenv("CI") == ""})
}
