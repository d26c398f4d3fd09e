package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os/exec"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/umadb-go/umadb/internal/servertest"
)

// tephra is the Tephra server. Its protocol is protobuf over TCP: each message follows its
// length in four bytes, big-endian. The first request on a connection is Hello.
// Responses have the number of their request. The messages are in tephra.proto of the
// crate tephra-proto.
type tephra struct{}

// The version of the protocol, and the numbers of the fields.
const (
	tephraProtocol = 1

	tephraRequestID = 1 // in requests and responses

	tephraAppend    = 2 // in requests
	tephraRead      = 3
	tephraSubscribe = 4
	tephraStats     = 6
	tephraHello     = 7

	tephraAppended = 2 // in responses
	tephraEvents   = 3
	tephraReadEnd  = 4
	tephraError    = 5
	tephraCaughtUp = 6
	tephraState    = 7
	tephraHelloAck = 8

	tephraConflict = 1 // an error code
)

func (tephra) start(ctx context.Context, command []string, address, store string) (running, error) {
	args := append(command[1:len(command):len(command)], "--bind", address, "--data-dir", store)
	return servertest.StartListener(ctx, exec.Command(command[0], args...), address)
}

func (tephra) connect(ctx context.Context, address string, data [][]byte) ([]client, error) {
	socket, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	// Closing the socket is what ends a call when ctx is done.
	stop := context.AfterFunc(ctx, func() { socket.Close() })
	conn := &tephraConn{Conn: socket, reader: bufio.NewReaderSize(socket, 64<<10), stop: stop}
	greeter := &tephraClient{conn: conn}
	hello := appendVarintField(nil, 1, tephraProtocol)
	if _, err := greeter.ask(ctx, tephraHello, hello, tephraHelloAck); err != nil {
		conn.close()
		return nil, err
	}
	var clients []client
	for i, each := range data {
		c := &tephraClient{conn: conn, id: uint64(i) + 1, template: newTemplate(tephraEvent(each))}
		if len(data) > 1 {
			c.responses = make(chan tephraResponse, 64)
		}
		conn.clients = append(conn.clients, c)
		clients = append(clients, c)
	}
	if len(data) > 1 {
		go conn.distribute()
	}
	return clients, nil
}

// tephraConn is a connection. If it is shared, one goroutine receives all responses.
type tephraConn struct {
	net.Conn
	reader  *bufio.Reader
	stop    func() bool
	sending sync.Mutex      // held while a request is written
	clients []*tephraClient // by the number of their requests, from 1
}

func (c *tephraConn) close() {
	c.stop()
	c.Conn.Close()
}

// receive receives a response, into buffer if it is large enough.
func (c *tephraConn) receive(buffer []byte) (r tephraResponse, err error) {
	var length [4]byte
	if _, err := io.ReadFull(c.reader, length[:]); err != nil {
		return r, err
	}
	size := int(binary.BigEndian.Uint32(length[:]))
	if cap(buffer) < size {
		buffer = make([]byte, size)
	}
	buffer = buffer[:size]
	if _, err := io.ReadFull(c.reader, buffer); err != nil {
		return r, err
	}
	return parseTephraResponse(buffer)
}

// distribute passes responses to the clients until the connection is closed.
func (c *tephraConn) distribute() {
	for {
		r, err := c.receive(nil)
		if err == nil && (r.id < 1 || r.id > uint64(len(c.clients))) {
			err = fmt.Errorf("a response has the request number %d", r.id)
		}
		if err != nil {
			for _, each := range c.clients {
				close(each.responses)
			}
			return
		}
		c.clients[r.id-1].responses <- r
	}
}

// tephraResponse is a response with one of its kinds. The body aliases the buffer.
type tephraResponse struct {
	id     uint64
	kind   protowire.Number
	body   []byte
	buffer []byte
}

func parseTephraResponse(message []byte) (tephraResponse, error) {
	r := tephraResponse{buffer: message}
	err := eachField(message, func(f wireField) {
		if f.number == tephraRequestID {
			r.id = f.varint
		} else {
			r.kind, r.body = f.number, f.bytes
		}
	})
	return r, err
}

// events returns the number of events in a response that must consist of some.
func (r *tephraResponse) events() (n int64, err error) {
	if r.kind != tephraEvents {
		return 0, fmt.Errorf("unexpected response (field %d)", r.kind)
	}
	err = eachField(r.body, func(wireField) { n++ })
	return n, err
}

// tephraClient calls a Tephra server. Its cursors are positions. Events have no UUID.
type tephraClient struct {
	conn      *tephraConn
	id        uint64
	template  template
	request   []byte
	head      []byte
	buffer    []byte              // of the last response, unless the connection is shared
	responses chan tephraResponse // nil unless the connection is shared
}

// tephraEvent returns an entry of AppendRequest.events.
func tephraEvent(data []byte) []byte {
	event := appendBytesField(nil, 1, []byte(eventType))
	event = appendBytesField(event, 2, []byte(customerTag))
	event = appendBytesField(event, 2, []byte(orderTag))
	event = appendBytesField(event, 3, data)
	return appendBytesField(nil, 1, event)
}

// tephraQuery returns a Query.
func tephraQuery(f *filter) []byte {
	var item []byte
	if f.eventType != "" {
		item = appendBytesField(item, 1, []byte(f.eventType))
	}
	for _, tag := range f.tags {
		item = appendBytesField(item, 2, []byte(tag))
	}
	if len(item) == 0 {
		return appendVarintField(nil, 1, 1) // all events
	}
	return appendBytesField(nil, 2, item)
}

func (c *tephraClient) append(ctx context.Context, events []event, cond *condition) (uint64, error) {
	c.request = c.request[:0]
	for i := range events {
		c.request = c.template.appendEvent(c.request, &events[i])
	}
	if cond != nil {
		condition := appendBytesField(nil, 1, tephraQuery(&cond.filter))
		condition = appendVarintField(condition, 2, cond.after)
		c.request = appendBytesField(c.request, 2, condition)
	}
	body, err := c.ask(ctx, tephraAppend, c.request, tephraAppended)
	if err != nil {
		return 0, err
	}
	return varintField(body, 2)
}

func (c *tephraClient) read(ctx context.Context, q *query, count func(events int64)) (events int64, cursor uint64, err error) {
	request := appendBytesField(nil, 1, tephraQuery(&q.filter))
	if q.backwards {
		request = appendVarintField(request, 2, math.MaxUint64)
		request = appendVarintField(request, 4, 1)
	}
	if q.limit > 0 {
		request = appendVarintField(request, 3, uint64(q.limit))
	}
	if err := c.send(tephraRead, request); err != nil {
		return 0, 0, c.reason(ctx, err)
	}
	for {
		r, err := c.receive(ctx)
		if err != nil {
			return events, 0, err
		}
		if r.kind == tephraReadEnd {
			cursor, err := varintField(r.body, 1)
			return events, cursor, err
		}
		received, err := r.events()
		if err != nil {
			return events, 0, err
		}
		events += received
		count(received)
	}
}

func (c *tephraClient) subscribe(ctx context.Context, received func(events int64)) error {
	if err := c.send(tephraSubscribe, appendBytesField(nil, 1, tephraQuery(&filter{}))); err != nil {
		return c.reason(ctx, err)
	}
	for {
		r, err := c.receive(ctx)
		if err != nil {
			return err
		}
		if r.kind == tephraCaughtUp {
			continue
		}
		events, err := r.events()
		if err != nil {
			return err
		}
		received(events)
	}
}

func (c *tephraClient) stored(ctx context.Context) (int64, error) {
	body, err := c.ask(ctx, tephraStats, nil, tephraState)
	if err != nil {
		return 0, err
	}
	events, err := varintField(body, 1)
	return int64(events), err
}

func (c *tephraClient) close() { c.conn.close() }

// ask sends a request and receives its only response, which must have this kind.
func (c *tephraClient) ask(ctx context.Context, kind protowire.Number, body []byte, want protowire.Number) ([]byte, error) {
	if err := c.send(kind, body); err != nil {
		return nil, c.reason(ctx, err)
	}
	r, err := c.receive(ctx)
	if err == nil && r.kind != want {
		err = fmt.Errorf("unexpected response (field %d)", r.kind)
	}
	return r.body, err
}

// send sends a request, with its length before it.
func (c *tephraClient) send(kind protowire.Number, body []byte) error {
	head := append(c.head[:0], 0, 0, 0, 0)
	head = appendVarintField(head, tephraRequestID, c.id)
	head = protowire.AppendTag(head, kind, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(body)))
	binary.BigEndian.PutUint32(head, uint32(len(head)-4+len(body)))
	c.head = head

	c.conn.sending.Lock()
	defer c.conn.sending.Unlock()
	buffers := net.Buffers{head, body}
	_, err := buffers.WriteTo(c.conn.Conn)
	return err
}

// receive returns the next response to this client. It is valid until the next call.
func (c *tephraClient) receive(ctx context.Context) (r tephraResponse, err error) {
	if c.responses == nil {
		r, err = c.conn.receive(c.buffer)
		c.buffer = r.buffer
	} else {
		var open bool
		if r, open = <-c.responses; !open {
			err = errors.New("the connection was closed")
		}
	}
	if err != nil {
		return r, c.reason(ctx, err)
	}
	if r.kind == tephraError {
		return r, tephraFailure(r.body)
	}
	return r, nil
}

// reason returns why a call failed: ctx, whose end closes the connection, or err.
func (c *tephraClient) reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// tephraFailure returns the error of an ErrorResponse.
func tephraFailure(body []byte) error {
	var code uint64
	var message string
	err := eachField(body, func(f wireField) {
		switch f.number {
		case 1:
			code = f.varint
		case 2:
			message = string(f.bytes)
		}
	})
	switch {
	case err != nil:
		return err
	case code == tephraConflict:
		return errConflict
	default:
		return fmt.Errorf("error %d: %s", code, message)
	}
}
