package main

// #include "binding.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// conn is an open store with what it is asked in bytes.
type conn struct {
	backend
	ctx       context.Context // of every call and stream; done from the beginning of close
	stop      context.CancelFunc
	closeOnce sync.Once
	closed    error
}

// backend is a store that takes requests as they go over the wire. Its calls block.
type backend interface {
	dcb.EventStore
	append(ctx context.Context, request []byte) (uint64, error)
	read(ctx context.Context, request []byte) (messages, error)
	subscribe(ctx context.Context, request []byte, resume bool) (messages, error)
	checkHealth(ctx context.Context, service string) (client.HealthStatus, error)
	watchHealth(ctx context.Context, service string) (messages, error)
}

// messages is a stream as it goes over the wire. Next gives bytes that are valid
// until the next call of it.
type messages interface {
	Next() ([]byte, error)
	Close()
}

// connections is the open stores that C has.
var connections table[*conn]

// forget closes a connection, if it is not, and frees it.
func forget(connection uint64) { connections.remove(connection).close() }

type openOptions struct {
	url, caFile, apiKey string
	batchSize           uint32
}

// openOptionsOf takes a request to open a store apart.
func openOptionsOf(request []byte) *openOptions {
	words := strings.Split(string(request), "\x00")
	batchSize, _ := strconv.ParseUint(words[3], 10, 32) // C wrote it
	return &openOptions{url: words[0], caFile: words[1], apiKey: words[2], batchSize: uint32(batchSize)}
}

// open opens what the URL names.
func (o *openOptions) open(context.Context) result {
	var b backend
	if dir, local := strings.CutPrefix(o.url, "file:"); local {
		useProcessors()
		opened, err := store.Open(dirOf(dir), nil)
		if err != nil {
			return result{err: err}
		}
		b = &embedded{Store: opened, batchSize: o.batchSize}
	} else {
		if !strings.Contains(o.url, "://") {
			return result{err: &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%q is no URL: write http://HOST:PORT for a server, file:PATH for a directory", o.url)}}
		}
		dialled, err := client.Dial(o.url, &client.Options{CAFile: o.caFile, APIKey: o.apiKey, BatchSize: o.batchSize})
		if err != nil {
			return result{err: err}
		}
		b = &remote{dialled}
	}
	ctx, stop := context.WithCancel(context.Background())
	return result{present: true, opened: &conn{backend: b, ctx: ctx, stop: stop}}
}

// dirOf gives the directory of a file URL: file:relative, file:/absolute or
// file:///absolute.
func dirOf(path string) string {
	if rest, found := strings.CutPrefix(path, "//"); found {
		return rest
	}
	return path
}

// caller gives the function that makes a call and gives its answer.
func (c *conn) caller(method C.int32_t, request []byte) func(context.Context) result {
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

// opener gives what opens the stream of an exchange.
func (c *conn) opener(e *exchange, method C.int32_t, request []byte) func() (messages, error) {
	return func() (messages, error) {
		switch method {
		case C.UMADB_SUBSCRIBE, C.UMADB_SUBSCRIBE_ONCE:
			return c.subscribe(e.ctx, request, method == C.UMADB_SUBSCRIBE)
		case C.UMADB_WATCH_HEALTH:
			return c.watchHealth(e.ctx, string(request))
		}
		return c.read(e.deadline, request)
	}
}

// close ends what is under way and closes the store.
func (c *conn) close() error {
	c.closeOnce.Do(func() {
		c.stop()
		c.closed = c.Close()
	})
	return c.closed
}

// unopened is a stream that is opened when its first message is asked for: that is
// when a read begins.
type unopened struct {
	open     func() (messages, error)
	messages messages // nil before
}

// Next gives the next message, or why the stream could not be opened.
func (u *unopened) Next() ([]byte, error) {
	if u.messages == nil {
		opened, err := u.open()
		if err != nil {
			return nil, err
		}
		u.messages = opened
	}
	return u.messages.Next()
}

// Close closes the stream if it was opened.
func (u *unopened) Close() {
	if u.messages != nil {
		u.messages.Close()
	}
}

// unlimited are limits for requests that a server will hold to its own.
var unlimited = dcb.Limits{QueryTerms: math.MaxInt}

// remote is a store on a server.
type remote struct{ *client.Client }

// append keeps what is said of one that was cancelled: whether it may have happened.
func (r *remote) append(ctx context.Context, request []byte) (uint64, error) {
	position, err := r.AppendMessage(ctx, request)
	var e *dcb.Error
	if errors.Is(err, context.Canceled) && errors.As(err, &e) {
		err = &dcb.Error{Kind: e.Kind, Detail: "the client was closed: " + e.Detail}
	}
	return position, err
}

func (r *remote) read(ctx context.Context, request []byte) (messages, error) {
	parsed, err := encoding.ParseRead(request, &unlimited)
	if err != nil {
		return nil, err
	}
	return r.ReadMessages(ctx, parsed), nil
}

func (r *remote) subscribe(ctx context.Context, request []byte, resume bool) (messages, error) {
	parsed, err := encoding.ParseSubscribe(request, &unlimited)
	if err != nil {
		return nil, err
	}
	return r.SubscribeMessages(ctx, parsed, resume), nil
}

func (r *remote) checkHealth(ctx context.Context, service string) (client.HealthStatus, error) {
	return r.CheckHealth(ctx, service)
}

func (r *remote) watchHealth(ctx context.Context, service string) (messages, error) {
	return r.HealthMessages(ctx, service), nil
}
