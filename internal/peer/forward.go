package peer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/internal/grpcclient"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/wire"
)

// appliedPatience is how long an answer waits until this server has the events that the other
// one has appended, so that its client reads them here.
const appliedPatience = 2 * time.Second

// answerPatience is how long the other server may take. It may have lost its connection to the
// shared log, which this one still has.
const answerPatience = 10 * time.Second

// Store is the part of a store that a Forwarder uses.
type Store interface {
	// PreferredWriter returns the URL of the server to which appends should be passed, or "".
	PreferredWriter() string
	// Decide returns the result of an append if this store has it already.
	Decide(ctx context.Context, request *record.AppendRequest) (position uint64, decided bool, err error)
	// WaitFor waits until the store has a position.
	WaitFor(ctx context.Context, position uint64) error
	// LastPosition returns the head of the store, or a lower position.
	LastPosition() uint64
	// SharedLog returns the identity of the shared log.
	SharedLog() string
}

// Options configures a Forwarder. All fields must be set.
type Options struct {
	Store Store
	// Connect returns a connection to the server of a URL.
	Connect func(url string) (*grpcclient.Conn, error)
	Logger  *slog.Logger
}

// Forwarder passes appends to the preferred writer. Its methods may be called by several goroutines
// at the same time.
type Forwarder struct {
	options Options
	writers writers

	ok, refused, broken atomic.Uint64
	warned              atomic.Int64 // when the last warning was logged
}

// New returns a Forwarder. It connects to servers when it is used.
func New(options Options) *Forwarder {
	f := &Forwarder{options: options}
	f.writers.connect = f.connect
	return f
}

// connect returns a connection to the server of a URL.
func (f *Forwarder) connect(url string) (*grpcclient.Conn, error) {
	conn, err := f.options.Connect(url)
	if err != nil {
		f.warn("cannot use another server of the shared log, so appends are not forwarded to it", "server", url, "error", err,
			"remedy", "check its --advertise, and the --peer settings of this server")
	}
	return conn, err
}

// Forwarded returns the numbers of appends that another server has answered, that had no effect
// there and were proposed here, and of which the connection broke or the caller gave up.
func (f *Forwarder) Forwarded() (ok, refused, broken uint64) {
	return f.ok.Load(), f.refused.Load(), f.broken.Load()
}

// Close closes the connections. Appends that are being forwarded fail.
func (f *Forwarder) Close() { f.writers.close() }

// Forward passes an append to the preferred writer, if that is another server, and returns its
// answer. encoded is the message of the request, and authorization is the field of its headers, empty if there
// is none. If done is false, the append had no effect, and this server must commit it.
func (f *Forwarder) Forward(ctx context.Context, request *record.AppendRequest, encoded []byte, authorization string) (position uint64, done bool, err error) {
	if request.Count == 0 && request.Tracking == nil { // a check proposes nothing
		return 0, false, nil
	}
	preferred := f.options.Store.PreferredWriter()
	if preferred == "" || authorization != "" && !isPrivate(preferred) {
		return 0, false, nil
	}
	if position, decided, err := f.options.Store.Decide(ctx, request); decided {
		return position, true, err
	}
	writer := f.writers.acquire(preferred)
	if writer == nil {
		return 0, false, nil
	}
	defer f.writers.release(writer)
	call := &grpcclient.Request{Method: wire.MethodForwardedAppend, Message: encoded, Fields: f.fields(authorization)}
	head := f.options.Store.LastPosition()
	sending, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	answer, err := writer.conn.Call(sending, call, nil)
	if err != nil {
		return f.failed(ctx, writer, request, head, err)
	}
	position, _, err = record.DecodePosition(answer)
	if err != nil {
		return 0, true, record.UnknownOutcome(fmt.Sprintf("the server %s has sent an invalid answer (%v)", preferred, err))
	}
	f.ok.Add(1)
	f.await(ctx, position)
	return position, true, nil
}

// isPrivate reports whether the connection to a URL is one with TLS, or does not leave the machine.
func isPrivate(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "grpcs" || u.Scheme == "umadbs" || err == nil && ip.IsLoopback()
}

// fields returns the header fields of a forwarded call.
func (f *Forwarder) fields(authorization string) []hpack.HeaderField {
	fields := []hpack.HeaderField{{Name: wire.Forwarded, Value: f.options.Store.SharedLog()}}
	if authorization != "" {
		fields = append(fields, hpack.HeaderField{Name: "authorization", Value: authorization})
	}
	return fields
}

// await waits until this server has a position. The append has succeeded in any case.
func (f *Forwarder) await(ctx context.Context, position uint64) {
	ctx, cancel := context.WithTimeout(ctx, appliedPatience)
	defer cancel()
	_ = f.options.Store.WaitFor(ctx, position)
}

// failed returns the result of Forward if the call has failed. head is that of the store before.
func (f *Forwarder) failed(ctx context.Context, w *writer, request *record.AppendRequest, head uint64, err error) (uint64, bool, error) {
	var e *grpcclient.Error
	if !errors.As(err, &e) {
		return 0, true, err
	}
	switch {
	case ctx.Err() != nil && e.NotProcessed:
		return 0, true, ctx.Err()
	case ctx.Err() != nil:
		f.broken.Add(1)
		return 0, true, record.UnknownOutcome(fmt.Sprintf("the server %s has not answered before the caller gave up (%v)", w.url, ctx.Err()))
	case hadNoEffect(e):
		f.refused.Add(1)
		f.avoid(w, e)
		return 0, false, nil
	case e.Answered:
		f.ok.Add(1)
		if isFault(e.Code) {
			f.avoid(w, e)
		}
		return 0, true, wire.ForwardedError(e.Code, e.Message, e.Details)
	}
	f.broken.Add(1)
	f.avoid(w, e)
	if request.IsRecognisable() && request.Condition.After <= head {
		return 0, false, nil
	}
	return 0, true, record.UnknownOutcome(fmt.Sprintf("the connection to the server %s broke (%v)", w.url, e))
}

// hadNoEffect reports whether a call that has failed certainly had no effect, and its failure is no
// answer for the caller: only this other server does not accept the append.
func hadNoEffect(e *grpcclient.Error) bool {
	if e.NotProcessed {
		return true
	}
	switch e.Code {
	case codes.Unimplemented, codes.ResourceExhausted, codes.Unauthenticated:
		return e.Answered
	}
	return e.Answered && (wire.RefusedForStop(e.Code, e.Message) || wire.RefusedWithoutEffect(e.Code, e.Message))
}

// isFault reports whether an answer shows that something is wrong with the other server.
func isFault(code codes.Code) bool {
	return code == codes.Internal || code == codes.DataLoss || code == codes.Unavailable
}

// avoid avoids a server for some time, because of an error.
func (f *Forwarder) avoid(w *writer, e *grpcclient.Error) {
	f.writers.avoid(w)
	remedy := ""
	switch {
	case !e.Answered:
	case e.Code == codes.Unauthenticated:
		remedy = "all servers of a shared log must have the same API keys"
	case e.Code == codes.Unimplemented:
		remedy = "it must be a server of the same shared log, and of this version; check its --advertise"
	}
	if remedy == "" {
		f.options.Logger.Debug("cannot forward appends to another server; they are proposed here", "server", w.url, "error", e)
		return
	}
	f.warn("another server of the shared log refuses appends that this one forwards", "server", w.url, "error", e, "remedy", remedy)
}

// warn logs a warning, unless another one was logged within a minute.
func (f *Forwarder) warn(message string, args ...any) {
	now, before := time.Now().UnixNano(), f.warned.Load()
	if now-before > int64(time.Minute) && f.warned.CompareAndSwap(before, now) {
		f.options.Logger.Warn(message, args...)
	}
}
