package main

// #include "binding.h"
import "C"

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// conn is an open store whose requests are encoded messages.
type conn struct {
	backend
	ctx       context.Context // parent of every call and stream; cancelled when close starts
	stop      context.CancelFunc
	closeOnce sync.Once
	closeErr  error
}

// backend is a store that takes requests in their wire encoding. Its methods block.
type backend interface {
	dcb.EventStore
	dcb.TermIndex
	append(ctx context.Context, request []byte) (uint64, error)
	read(ctx context.Context, request []byte) (messages, error)
	subscribe(ctx context.Context, request []byte, options subscribeOptions) (messages, error)
	terms(ctx context.Context, request []byte) (messages, error)
	checkHealth(ctx context.Context, service string) (client.HealthStatus, error)
	watchHealth(ctx context.Context, service string) (messages, error)
}

// subscribeOptions are the differences between the methods of subscriptions.
type subscribeOptions struct {
	resumes  bool // it resumes when the server stops
	progress bool // its messages contain how far it is
}

// messages is a stream of encoded messages. The bytes that Next returns are valid until
// it is called again.
type messages interface {
	Next() ([]byte, error)
	Close()
}

// connections contains the open stores that C refers to.
var connections table[*conn]

// freeConnection closes a connection if it is open, and frees it.
func freeConnection(connection uint64) { connections.remove(connection).close() }

type openOptions struct {
	url, caFile, apiKey   string
	clientCert, clientKey string
}

// parseOpenOptions parses the request of UMADB_OPEN.
func parseOpenOptions(request []byte) *openOptions {
	fields := strings.Split(string(request), "\x00")
	return &openOptions{url: fields[0], caFile: fields[1], apiKey: fields[2], clientCert: fields[3], clientKey: fields[4]}
}

// open opens a store in memory or the directory of a file URL, or connects to a server.
func (o *openOptions) open(context.Context) result {
	var b backend
	if name, memory := strings.CutPrefix(o.url, "memory:"); memory {
		if name != "" {
			return result{err: &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%q: a store in memory has no name; use memory:", o.url)}}
		}
		useAllProcessors()
		b = &embedded{store.OpenMemory()}
	} else if dir, local := strings.CutPrefix(o.url, "file:"); local {
		useAllProcessors()
		dir, readOnly := strings.CutSuffix(dir, "?mode=ro")
		opened, err := store.Open(fileURLPath(dir), &store.Options{ReadOnly: readOnly})
		var locked *vfs.LockedError
		if errors.As(err, &locked) {
			err = fmt.Errorf("%w; to read the store meanwhile, add ?mode=ro to the URL", err)
		}
		if err != nil {
			return result{err: err}
		}
		b = &embedded{opened}
	} else {
		if !strings.Contains(o.url, "://") {
			return result{err: &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%q is not a URL: use http://HOST:PORT for a server, file:PATH for a directory or memory: for a store in memory", o.url)}}
		}
		dialled, err := client.Dial(o.url, &client.Options{CAFile: o.caFile, ClientCert: o.clientCert, ClientKey: o.clientKey, APIKey: o.apiKey})
		if err != nil {
			return result{err: err}
		}
		b = &remote{dialled}
	}
	ctx, stop := context.WithCancel(context.Background())
	return result{present: true, opened: &conn{backend: b, ctx: ctx, stop: stop}}
}

// fileURLPath returns the path of a file URL without its scheme: file:relative,
// file:/absolute or file:///absolute.
func fileURLPath(path string) string {
	if rest, found := strings.CutPrefix(path, "//"); found {
		return rest
	}
	return path
}

// callFunc returns a function that makes a call and returns its result.
func (c *conn) callFunc(method C.int32_t, request []byte) func(context.Context) result {
	return func(ctx context.Context) (r result) {
		switch method {
		case C.UMADB_APPEND:
			r.number, r.err = c.append(ctx, request)
			r.present = true
		case C.UMADB_HEAD:
			r.number, r.err = c.Head(ctx)
			r.present = r.number != 0
		case C.UMADB_TRACKING:
			r.number, r.present, r.err = c.GetTrackingInfo(ctx, string(request))
		case C.UMADB_POSITION_AT:
			r.number, r.err = c.positionAt(ctx, string(request))
			r.present = r.number != 0
		case C.UMADB_COUNT:
			r.message, r.err = c.count(ctx, request)
			r.present = true
		case C.UMADB_CHECK_HEALTH:
			var status client.HealthStatus
			status, r.err = c.checkHealth(ctx, string(request))
			r.number, r.present = uint64(status), true
		case C.UMADB_CLOSE:
			r.err = c.close()
		}
		return r
	}
}

// positionAt returns the position of the last event recorded at a time, in Unix nanoseconds, or
// before.
func (c *conn) positionAt(ctx context.Context, nanoseconds string) (uint64, error) {
	at, err := strconv.ParseInt(nanoseconds, 10, 64)
	if err != nil {
		return 0, &dcb.Error{Kind: dcb.ErrInternal, Detail: "cannot parse the time", Cause: err}
	}
	return c.PositionAt(ctx, time.Unix(0, at))
}

// count returns the counts of a CountRequest. The limits are those of the store.
func (c *conn) count(ctx context.Context, request []byte) ([]byte, error) {
	parsed, err := record.ParseCount(request, &dcb.Limits{QueryTerms: math.MaxInt})
	if err != nil {
		return nil, err
	}
	counts, err := c.CountEvents(ctx, parsed.Query, parsed.Bounds)
	encoded := make([]byte, 0, 8*len(counts))
	for _, count := range counts {
		encoded = binary.NativeEndian.AppendUint64(encoded, count)
	}
	return encoded, err
}

// openFunc returns a function that opens the stream of an exchange.
func (c *conn) openFunc(e *exchange, method C.int32_t, request []byte) func() (messages, error) {
	return func() (messages, error) {
		switch method {
		case C.UMADB_SUBSCRIBE, C.UMADB_SUBSCRIBE_ONCE, C.UMADB_READ_LIVE:
			return c.subscribe(e.ctx, request, subscribeOptions{resumes: method != C.UMADB_SUBSCRIBE_ONCE, progress: method != C.UMADB_READ_LIVE})
		case C.UMADB_WATCH_HEALTH:
			return c.watchHealth(e.ctx, string(request))
		case C.UMADB_TERMS:
			return c.terms(e.ctx, request)
		}
		return c.read(e.deadline, request)
	}
}

// close cancels all calls and streams and closes the store.
func (c *conn) close() error {
	c.closeOnce.Do(func() {
		c.stop()
		c.closeErr = c.Close()
	})
	return c.closeErr
}

// lazyStream is a stream that opens on the first call of Next: a read starts, and
// takes its snapshot, when its first message is requested.
type lazyStream struct {
	open     func() (messages, error)
	messages messages // nil until opened
}

// Next returns the next message, or the error of opening the stream.
func (s *lazyStream) Next() ([]byte, error) {
	if s.messages == nil {
		opened, err := s.open()
		if err != nil {
			return nil, err
		}
		s.messages = opened
	}
	return s.messages.Next()
}

// Close closes the stream if it was opened.
func (s *lazyStream) Close() {
	if s.messages != nil {
		s.messages.Close()
	}
}

// remote is a store on a server, to which it sends requests as they are.
type remote struct{ *client.Client }

// append keeps the detail of the error of a cancelled append, which describes whether the
// events may have been appended. Its cause is removed, so that the result is a transport
// error.
func (r *remote) append(ctx context.Context, request []byte) (uint64, error) {
	position, err := r.AppendMessage(ctx, request)
	var e *dcb.Error
	if errors.Is(err, context.Canceled) && errors.As(err, &e) {
		err = &dcb.Error{Kind: e.Kind, Detail: "the client was closed: " + e.Detail}
	}
	return position, err
}

func (r *remote) read(ctx context.Context, request []byte) (messages, error) {
	return r.ReadMessages(ctx, request), nil
}

func (r *remote) subscribe(ctx context.Context, request []byte, options subscribeOptions) (messages, error) {
	m := r.SubscribeMessages(ctx, request, options.resumes)
	if options.progress {
		m.AskForProgress()
	}
	return m, nil
}

func (r *remote) terms(ctx context.Context, request []byte) (messages, error) {
	return r.TermsMessages(ctx, request), nil
}

func (r *remote) checkHealth(ctx context.Context, service string) (client.HealthStatus, error) {
	return r.CheckHealth(ctx, service)
}

func (r *remote) watchHealth(ctx context.Context, service string) (messages, error) {
	return r.HealthMessages(ctx, service), nil
}
