package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/umadb-go/umadb/dcb"
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

var responseStream = grpc.StreamDesc{ServerStreams: true}

// umadb is the kind of all UmaDB servers, ours and the released one.
type umadb struct{}

func (umadb) start(ctx context.Context, command []string, address, store string) (running, error) {
	args := append(command[1:len(command):len(command)], "--listen", address, "--db-path", store)
	// Old versions of our server do not print that they have started; connect waits
	// until it can connect.
	return servertest.StartListener(ctx, exec.Command(command[0], args...), address)
}

func (umadb) connect(ctx context.Context, address string, data [][]byte) ([]client, error) {
	conn, err := grpc.NewClient("passthrough:///"+address, dialOptions()...)
	if err != nil {
		return nil, err
	}
	conn.Connect()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		if !conn.WaitForStateChange(ctx, state) {
			conn.Close()
			return nil, fmt.Errorf("cannot connect: %w", ctx.Err())
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

func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithNoProxy(),
		grpc.WithDisableRetry(), // failures must not be hidden
		grpc.WithDisableServiceConfig(),
		// Fixed windows, the same for every server, without the pings that adapt them.
		grpc.WithStaticStreamWindowSize(1 << 20),
		grpc.WithStaticConnWindowSize(1 << 20),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.5, MaxDelay: time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(codec{}),
			grpc.MaxCallRecvMsgSize(64<<20),
		),
	}
}

// umadbClient calls an UmaDB server. Its cursors are positions.
type umadbClient struct {
	conn     *grpc.ClientConn
	template template
	request  frame
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
	var r reply
	var trailer metadata.MD
	err = c.conn.Invoke(ctx, methodAppend, &c.request, &r, grpc.Trailer(&trailer))
	if cond != nil && errors.Is(wire.FromStatus(err, trailer), dcb.ErrIntegrity) {
		err = errConflict
	}
	return r.number, err
}

func (c *umadbClient) stored(ctx context.Context) (int64, error) {
	var r reply
	err := c.conn.Invoke(ctx, methodHead, new(frame), &r)
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
func (c *umadbClient) stream(ctx context.Context, method string, request frame, count func(events int64)) (r reply, err error) {
	stream, err := c.conn.NewStream(ctx, &responseStream, method)
	if err != nil {
		return r, err
	}
	if err := stream.SendMsg(&request); err != nil && err != io.EOF {
		return r, err // for io.EOF, RecvMsg returns the reason
	}
	if err := stream.CloseSend(); err != nil {
		return r, err
	}
	for {
		before := r.events
		err := stream.RecvMsg(&r)
		if err == io.EOF {
			return r, nil
		}
		if err != nil {
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
