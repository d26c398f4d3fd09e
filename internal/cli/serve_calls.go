package cli

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/internal/monitoring"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/tracing"
)

const (
	// callQueue is the number of ended calls that may wait to be logged and traced.
	callQueue = 4096
	// slowCallsPerSecond bounds the slow calls that are logged, so that a slow disk does not
	// fill it with the log. slowCallsBurst may be logged at once.
	slowCallsPerSecond, slowCallsBurst = 10, 100
	// tracesPatience is how long a stopping server waits until its traces are exported.
	tracesPatience = 5 * time.Second
)

// callLog logs and traces the calls of a server that have ended: all of them at the debug
// level, and slow ones as warnings. It does so in a goroutine of its own, and omits calls if
// that cannot keep up.
type callLog struct {
	slow time.Duration // 0 if slow calls are not logged

	log       *slog.Logger
	tracer    *tracing.Tracer       // nil without traces
	exemplars *monitoring.Exemplars // of the calls with a trace
	ended     chan *server.CallRecord
	omitted   atomic.Uint64
	bounded   *rate.Limiter // for slow calls
	warned    *rate.Limiter // for warnings about omitted calls
	failed    *rate.Limiter // for warnings about failed exports
}

func (c *callLog) addFlags(flags *pflag.FlagSet) {
	flags.DurationVar(&c.slow, "slow", 0, "log each call that takes at least this `duration`, such as 100ms, with the time that its parts take; 0 logs none")
}

// validate checks the flags and the variables of OpenTelemetry.
func (c *callLog) validate() error {
	if c.slow < 0 {
		return usageErrorf("--slow %v must not be negative", c.slow)
	}
	if err := tracing.Check(); err != nil {
		return usageError{err}
	}
	return nil
}

// preflight makes the tracer that the variables of OpenTelemetry ask for.
func (c *callLog) preflight() (err error) {
	c.warned, c.failed = rate.NewLimiter(rate.Every(time.Minute), 1), rate.NewLimiter(rate.Every(time.Minute), 1)
	if c.tracer, err = tracing.FromEnvironment(Version, c.exported, c.exportFailed); err != nil {
		return usageError{err}
	}
	return nil
}

// start starts to log and trace the calls of a server. stop waits for the calls that have
// ended before.
func (c *callLog) start(srv *server.Server, log *slog.Logger) (stop func()) {
	c.log, c.ended = log, make(chan *server.CallRecord, callQueue)
	c.warnIgnored()
	c.bounded = rate.NewLimiter(slowCallsPerSecond, slowCallsBurst)
	c.observe(srv)
	stopping, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		c.run(stopping)
	}()
	return func() {
		srv.SetOnCall(nil)
		close(stopping)
		<-stopped
		c.endTraces()
	}
}

// observe makes the server record its calls if they are to be logged or traced. It is called
// again when the level of the log may have changed.
func (c *callLog) observe(srv *server.Server) {
	if c.tracer == nil && c.slow == 0 && !c.logsAll() {
		srv.SetOnCall(nil)
		return
	}
	srv.SetOnCall(c.add)
}

// logsAll reports whether all calls are logged.
func (c *callLog) logsAll() bool { return c.log.Enabled(context.Background(), slog.LevelDebug) }

// isSlow reports whether a call is logged as a slow one. A client may keep a subscription for
// days.
func (c *callLog) isSlow(r *server.CallRecord) bool {
	return c.slow > 0 && r.Duration >= c.slow && !r.LongLived
}

// add queues a call that has ended, if it is to be logged or traced.
func (c *callLog) add(r *server.CallRecord) {
	if c.tracer == nil && !c.isSlow(r) && !c.logsAll() {
		return
	}
	select {
	case c.ended <- r:
	default:
		c.omitted.Add(1)
	}
}

// run handles calls until stop is closed and none is queued.
func (c *callLog) run(stop <-chan struct{}) {
	for {
		select {
		case r := <-c.ended:
			c.handle(r)
			continue
		default:
		}
		select {
		case r := <-c.ended:
			c.handle(r)
		case <-stop:
			if len(c.ended) == 0 {
				return
			}
		}
	}
}

func (c *callLog) handle(r *server.CallRecord) {
	if c.tracer != nil {
		if traceID := c.tracer.Record(r); traceID != "" {
			c.exemplars.Add(r, traceID)
		}
	}
	switch {
	case c.isSlow(r) && c.bounded.Allow():
		c.log.Warn("slow call", callAttributes(r)...)
	case c.isSlow(r):
		c.omitted.Add(1)
	default:
		c.log.Debug("call", callAttributes(r)...)
	}
	if c.omitted.Load() > 0 && c.warned.Allow() {
		c.log.Warn("calls were omitted from the log or the traces: there were too many", "times", c.omitted.Swap(0))
	}
}

// exported logs that traces are exported.
// warnIgnored logs which variables of OpenTelemetry have no effect.
func (c *callLog) warnIgnored() {
	if c.tracer == nil {
		return
	}
	for _, reason := range c.tracer.Ignored() {
		c.log.Warn("a variable of OpenTelemetry is ignored", "reason", reason)
	}
}

func (c *callLog) exported() { c.log.Info("exporting traces", "endpoint", tracing.Endpoint()) }

// exportFailed logs an error of the exporter of traces, at most once a minute.
func (c *callLog) exportFailed(err error) {
	if c.log != nil && c.failed.Allow() {
		c.log.Warn("cannot export traces; will try again", "error", err)
	}
}

// endTraces exports the traces that were not exported yet.
func (c *callLog) endTraces() {
	if c.tracer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), tracesPatience)
	defer cancel()
	if err := c.tracer.Shutdown(ctx); err != nil {
		c.exportFailed(err)
	}
}

// callAttributes returns the attributes of the line of a call. Those that do not apply to it
// are omitted.
func callAttributes(r *server.CallRecord) []any {
	all := []any{
		"method", EscapeControl(r.Method), "peer", r.Peer.String(), "start", r.Start.UTC(), "duration", r.Duration,
		"code", r.Code.String(), "events", r.Events, "request_bytes", r.RequestBytes, "response_bytes", r.ResponseBytes,
	}
	add := func(name, value string) {
		if value != "" {
			all = append(all, name, value)
		}
	}
	add("key", r.Key)
	add("query", EscapeControl(r.Query))
	if r.Code != codes.OK {
		add("error", r.Message)
	}
	if t := r.Append; t != nil {
		all = append(all, "precheck", t.Precheck, "queue", t.Queue, "write", t.Write, "sync", t.Sync)
	}
	if parts := strings.Split(r.Traceparent, "-"); len(parts) == 4 {
		add("trace_id", EscapeControl(parts[1]))
	}
	return all
}
