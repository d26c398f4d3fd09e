package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/grpcclient"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/wire"
)

const (
	methodAppend = "/umadb.v1.DCB/Append"
	methodRead   = "/umadb.v1.DCB/Read"
	methodHead   = "/umadb.v1.DCB/Head"

	methodSubscribe = "/umadb.v1.DCB/Subscribe"
)

// umadb is the kind of all UmaDB servers, ours and the released one.
type umadb struct{}

func (umadb) start(ctx context.Context, command []string, address, store string) (running, error) {
	args := append(command[1:len(command):len(command)], "--listen", address, "--db-path", store)
	// Old versions of our server do not print that they have started; connect waits
	// until it can connect.
	return servertest.StartListener(ctx, exec.Command(command[0], args...), address)
}

func (umadb) connect(ctx context.Context, address string, data [][]byte) ([]client, error) {
	conn := grpcclient.New(address, clientOptions)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := conn.Connect(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			conn.Close()
			return nil, fmt.Errorf("cannot connect: %w", err)
		}
	}
	var clients []client
	for _, each := range data {
		clients = append(clients, &umadbClient{conn: conn, template: newTemplate(record.EncodeAppend([]dcb.Event{{
			Type: eventType, Tags: []string{customerTag, orderTag}, Data: each, UUID: eventUUID,
		}}, nil, nil))})
	}
	return clients, nil
}

// clientOptions are the same for every server.
var clientOptions = grpcclient.Options{
	Dial: func(ctx context.Context, address string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	},
	Buffers:          wire.Slabs,
	StreamWindow:     1 << 20,
	ConnWindow:       1 << 20,
	HeaderBytes:      1 << 20,
	MaxMessage:       64 << 20,
	ConnectTimeout:   5 * time.Second,
	KeepAlive:        10 * time.Second,
	KeepAliveTimeout: 10 * time.Second,
}

// umadbClient calls an UmaDB server. Its cursors are positions.
type umadbClient struct {
	conn     *grpcclient.Conn
	template template
	request  []byte
	response []byte
}

func (c *umadbClient) append(ctx context.Context, events []event, cond *condition) (cursor uint64, err error) {
	c.request = c.request[:0]
	for i := range events {
		c.request = c.template.appendEvent(c.request, &events[i])
	}
	if cond != nil {
		condition := dcb.AppendCondition{After: cond.after, FailIfEventsMatch: cond.filter.dcb()}
		// Protobuf parses two concatenated messages as one merged message.
		c.request = append(c.request, record.EncodeAppend(nil, &condition, nil)...)
	}
	r, err := c.call(ctx, methodAppend, c.request)
	if failed := (*grpcclient.Error)(nil); cond != nil && errors.As(err, &failed) {
		if failed.Code == codes.FailedPrecondition {
			err = errConflict
		}
	}
	return r.number, err
}

// call makes a unary call.
func (c *umadbClient) call(ctx context.Context, method string, request []byte) (r reply, err error) {
	c.response, err = c.conn.Invoke(ctx, method, request, c.response[:0])
	if err == nil {
		err = r.add(c.response)
	}
	return r, err
}

func (c *umadbClient) stored(ctx context.Context) (int64, error) {
	r, err := c.call(ctx, methodHead, nil)
	return int64(r.number), err // positions have no gaps
}

func (c *umadbClient) read(ctx context.Context, q *query, count func(events int64)) (int64, uint64, error) {
	request := record.ReadRequest{Query: q.filter.dcb(), Options: dcb.ReadOptions{Backwards: q.backwards}}
	if q.limit > 0 {
		request.Options.Limit = &q.limit
	}
	r, err := c.stream(ctx, methodRead, record.EncodeRead(&request), count)
	return r.events, r.number, err
}

func (c *umadbClient) subscribe(ctx context.Context, received func(events int64)) error {
	_, err := c.stream(ctx, methodSubscribe, record.EncodeSubscribe(&record.SubscribeRequest{}), received)
	return err
}

// stream sends a request, and calls count with the number of events in each response.
func (c *umadbClient) stream(ctx context.Context, method string, request []byte, count func(events int64)) (r reply, err error) {
	stream, err := c.conn.Open(ctx, method, request)
	if err != nil {
		return r, err
	}
	defer stream.Close()
	for {
		message, err := stream.Next()
		if err == io.EOF {
			return r, nil
		}
		if err != nil {
			return r, err
		}
		before := r.events
		if err := r.add(message); err != nil {
			return r, err
		}
		count(r.events - before)
	}
}

func (c *umadbClient) close() { c.conn.Close() }

// dcb returns the query for all events that the filter selects.
func (f *filter) dcb() (q dcb.Query) {
	item := dcb.QueryItem{Tags: f.tags}
	if f.eventType != "" {
		item.Types = []string{f.eventType}
	}
	if len(item.Types)+len(item.Tags) > 0 {
		q.Items = []dcb.QueryItem{item}
	}
	return q
}
