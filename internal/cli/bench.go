package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	target      target
	appends     bool
	duration    time.Duration
	connections []int
	data        int
	json        bool
}

func newBenchCommand() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench --append-events",
		Short: "Measure how fast a server is, from here",
		Long: `bench calls a server for about 20 seconds and prints throughput and latency of appends
and reads, as the Go client sees them: they depend on the server and its disk, on the
network, and on this machine. With --db-path, it measures a store that it opens itself,
without a server.

bench appends events to the store, and they stay there: no event can be removed, and
their positions are not used again. It may append hundreds of thousands of them. So use
a store that you can delete, or confirm with --append-events that you accept this. The
type of the events is umadb-bench, and each run has a tag of its own, which bench prints.

Each measurement follows a warm-up of a quarter of --duration, and each connection makes
one call after another. Other clients are slower meanwhile. The calls are:

  head             the position of the last event: a round trip without disk access
  append 1 event   at each number of --connections
  append 100       events, in one atomic request
  on condition     append 1 event, if there is none with its second tag
  read by tag      up to 10 events, which were appended one after the other
  read all         events of this run; if one read takes longer, only a part of it counts`,
		Example: `  umadb bench --append-events
  umadb bench --append-events --url http://other:50051 --json
  umadb bench --append-events --db-path ./new.db --duration 10s`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return o.target.use(cmd, true, func(ctx context.Context, s dcb.EventStore) error {
				return o.run(ctx, cmd, s)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.appends, "append-events", false, "confirm that events may be appended to the store (required)")
	f.DurationVar(&o.duration, "duration", 2*time.Second, "`time` of each of the measurements")
	f.IntSliceVar(&o.connections, "connections", []int{1, 16, 64}, "`numbers` of connections that append one event")
	f.IntVar(&o.data, "data-bytes", 150, "`size` of the data of an event")
	perCall(f, "append-events", "duration", "connections", "data-bytes")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(f)
	return cmd
}

const (
	minBenchDuration    = 10 * time.Millisecond
	maxBenchDuration    = time.Minute
	maxBenchConnections = 1000
	maxBenchData        = 64 << 10
)

func (o *benchOptions) validate() error {
	switch {
	case !o.appends:
		return usageErrorf("bench appends many events, which cannot be removed from the store: confirm with --append-events, or measure a new store with --db-path as well")
	case o.duration < minBenchDuration || o.duration > maxBenchDuration:
		return usageErrorf("--duration %v is not a time from %v to %v", o.duration, minBenchDuration, maxBenchDuration)
	case o.data < 0 || o.data > maxBenchData:
		return usageErrorf("--data-bytes %d is not a number from 0 to %d", o.data, maxBenchData)
	}
	for _, n := range o.connections {
		if n < 1 || n > maxBenchConnections {
			return usageErrorf("--connections has %d, which is not a number from 1 to %d", n, maxBenchConnections)
		}
	}
	return nil
}

// run measures the store and prints the results.
func (o *benchOptions) run(ctx context.Context, cmd *cobra.Command, s dcb.EventStore) error {
	stores, closeStores, err := o.open(ctx, s)
	if err != nil {
		return err
	}
	defer closeStores()
	b := newBenchmark(stores, o)
	b.progress = newProgress(cmd.ErrOrStderr(), "measuring", "ms")
	results, err := b.run(ctx, o.connections)
	b.progress.clear()
	switch {
	case err != nil && b.appended() == 0:
		return err
	case err != nil:
		return fmt.Errorf("%w; before, bench appended %s with the tag %s", err, plural(b.appended(), "event"), b.tag)
	}
	report := benchReport{Store: o.target.name(), caller: "connection", Tag: b.tag, Appended: b.appended(), Results: results}
	if o.target.dir != "" {
		report.caller = "caller"
	}
	if o.json {
		return ndjson.Write(cmd.OutOrStdout(), report)
	}
	_, err = io.WriteString(cmd.OutOrStdout(), report.text())
	return err
}

// open returns a store for each caller: a connection of its own to the server, or the same
// open directory.
func (o *benchOptions) open(ctx context.Context, s dcb.EventStore) (stores []dcb.EventStore, closeAll func(), err error) {
	stores = slices.Repeat([]dcb.EventStore{s}, max(benchConnections, slices.Max(append(o.connections, 1))))
	if o.target.dir != "" {
		return stores, func() {}, nil
	}
	closeAll = func() {
		for _, opened := range stores {
			if opened != s {
				opened.Close()
			}
		}
	}
	group, _ := errgroup.WithContext(ctx)
	for i := 1; i < len(stores); i++ {
		group.Go(func() error {
			opened, err := openUntil(ctx, o.target.connectAgain)
			if err == nil {
				stores[i] = opened
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		closeAll()
		return nil, nil, err
	}
	return stores, closeAll, nil
}

// benchReport is the output of bench.
type benchReport struct {
	Store    string        `json:"store"` // its URL or directory
	caller   string        // a connection, or a caller in this process
	Tag      string        `json:"tag"`
	Appended uint64        `json:"events_appended"`
	Results  []benchResult `json:"results"`
}

func (r *benchReport) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  %-44s%12s        %9s%9s%9s\n", word(r.Store), "", "per second", "p50 ms", "p99 ms", "max ms")
	for _, m := range r.Results {
		fmt.Fprintf(&b, "  %-44s%12.0f %-7s%9s%9s%9s\n", fmt.Sprintf("%s, %s", m.Name, plural(uint64(m.Connections), r.caller)), m.PerSecond, m.Unit, millisText(m.P50), millisText(m.P99), millisText(m.Max))
	}
	fmt.Fprintf(&b, "\nappended %s of the type %s with the tag %s\n", plural(r.Appended, "event"), benchType, r.Tag)
	return b.String()
}

// millisText formats milliseconds, of which there are none if no call has ended in time.
func millisText(ms *float64) string {
	if ms == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f", *ms)
}
