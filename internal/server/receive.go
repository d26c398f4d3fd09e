package server

import (
	"encoding/binary"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

// headerSize is the size in bytes of the header of a gRPC message: a byte for the
// compression, and the length of the message in four bytes, big-endian.
const headerSize = 5

const (
	// receiveStep is the maximum number of bytes of one read. The client can send that
	// many without waiting.
	receiveStep = 256 << 10
	// wholeFrom is the number of bytes of a request that must have arrived before memory
	// for the whole request is reserved. Until then, twice the received size is reserved.
	wholeFrom = 1 << 20
	// receiveStall is how long the next step of a request may take, if memory for the
	// whole request is reserved and other calls wait for memory.
	receiveStall = budgetWait / 2
)

// request is a message that is being received or handled.
type request struct {
	bytes    []byte
	slab     *[]byte // that contains bytes, or nil
	reserved reservation
}

// drop drops the bytes, which must not be used afterwards. Their memory stays reserved.
func (r *request) drop() {
	if r.slab != nil {
		wire.Slabs.Put(r.slab)
	}
	r.bytes, r.slab = nil, nil
}

// done drops the bytes and releases their memory. It may be called again.
func (r *request) done() {
	r.drop()
	r.reserved.release()
}

// receive receives the one request of a call, of at most limit bytes.
func (s *Server) receive(c *call, limit int64) (*request, error) {
	length, err := readLength(c)
	if err != nil {
		return nil, err
	}
	if length > limit {
		return nil, &limited{kind: refusedSize, status: status.Newf(codes.ResourceExhausted, "a message of %d bytes is over the limit of %d", length, limit)}
	}
	r := new(request)
	err = s.readMessage(r, c, int(length))
	if err == nil {
		_, err = s.currentKey(c)
	}
	if err != nil {
		r.done()
		return nil, err
	}
	c.received(len(r.bytes))
	return r, nil
}

// readLength reads the header of a message and returns the length of the message.
func readLength(c *call) (int64, error) {
	header := make([]byte, headerSize)
	switch err := c.Fill(header); {
	case errors.Is(err, io.EOF):
		return 0, malformed("the call has no request")
	case err != nil:
		return 0, brokenOff(err)
	case header[0] != 0:
		return 0, status.Error(codes.Unimplemented, "compressed requests are not supported")
	}
	return int64(binary.BigEndian.Uint32(header[1:])), nil
}

// readMessage reads the message and checks that it is the only one.
func (s *Server) readMessage(r *request, c *call, length int) error {
	if err := s.readBytes(r, c, length); err != nil {
		return brokenOff(err)
	}
	switch err := c.Fill(make([]byte, headerSize)); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return brokenOff(err)
	}
	return malformed("the call has more than one request")
}

// readBytes reads a message into a buffer that grows as it arrives. Memory is reserved
// before the buffer grows.
func (s *Server) readBytes(r *request, c *call, length int) error {
	r.slab = wire.Slabs.Get(min(length, maxSmallRequest))
	r.bytes = *r.slab
	if err := c.Fill(r.bytes); err != nil {
		return err
	}
	for len(r.bytes) < length {
		have := len(r.bytes)
		size := min(2*have, length)
		if have >= wholeFrom {
			size = length
		}
		if err := s.reserveRequest(r, c, size, length); err != nil {
			return err
		}
		grown := make([]byte, size)
		copy(grown, r.bytes)
		r.drop()
		r.bytes = grown
		if err := s.readRest(c, grown[have:]); err != nil {
			return err
		}
	}
	return nil
}

// reserveRequest reserves size bytes for a request, in the pool for its whole length.
func (s *Server) reserveRequest(r *request, c *call, size, length int) (err error) {
	if r.reserved.bytes > 0 {
		return r.reserved.resize(c.Context(), int64(size))
	}
	r.reserved, err = s.requests.reserve(c.Context(), c.connection, s.requests.poolOf(int64(length)), int64(size))
	return err
}

// readRest fills dst, for which memory is reserved. If dst is large and the client does
// not send, the call ends when other calls wait for memory.
func (s *Server) readRest(c *call, dst []byte) error {
	if len(dst) <= wholeFrom {
		return c.Fill(dst)
	}
	var stall *time.Timer
	set := make(chan struct{})
	stall = time.AfterFunc(receiveStall, func() {
		<-set
		if s.requests.waiting.Load() > 0 {
			if c.EndArriving(s.tooSlow, pushback(someTime())) {
				s.notices.Warn(refusedMemory, c.connection.RemoteAddr())
			}
		} else if c.IsArriving() { // the timer may expire while it is stopped
			stall.Reset(receiveStall)
		}
	})
	close(set)
	defer stall.Stop()
	for len(dst) > 0 {
		n := min(len(dst), receiveStep)
		if err := c.Fill(dst[:n]); err != nil {
			return err
		}
		dst = dst[n:]
		stall.Reset(receiveStall)
	}
	return nil
}

// brokenOff converts an error in the middle of a request.
func brokenOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed("the request is shorter than its length prefix")
	}
	return err
}

func malformed(detail string) error {
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: detail}
}
