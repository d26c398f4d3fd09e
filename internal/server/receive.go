package server

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/transport"
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
	// The first bytes of a request are read in small steps, so that their frames can be
	// counted. Until the call ends, a frame uses about 50 bytes besides its content. After
	// tinyFrames frames, each must have tinyFrames bytes on average.
	firstBytes = 64 << 10
	firstStep  = 256
	tinyFrames = 64
)

// request is a message that is being received or handled.
type request struct {
	bytes    []byte
	slab     *[]byte // that contains bytes, or nil
	reserved reservation

	received, frames int // bytes and frames of the first bytes
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
func (s *Server) receive(stream grpc.ServerStream, limit int64) (*request, error) {
	body, err := transport.BodyOf(stream.Context())
	if err != nil {
		return nil, err
	}
	call := callOf(stream.Context())
	call.connection.awaits(call, body)
	if s.giveUp.Err() != nil {
		return nil, errStopping
	}
	length, err := readLength(body)
	if err != nil {
		return nil, err
	}
	if length > limit {
		return nil, status.Errorf(codes.ResourceExhausted, "a message of %d bytes is over the limit of %d", length, limit)
	}
	r := new(request)
	if err := s.readMessage(stream.Context(), r, call, body, int(length)); err != nil {
		r.done()
		return nil, err
	}
	if err := call.connection.arrived(call); err != nil {
		r.done()
		return nil, err
	}
	return r, nil
}

// readLength reads the header of a message and returns the length of the message.
func readLength(body transport.Body) (int64, error) {
	header := make([]byte, headerSize)
	switch err := body.Fill(header); {
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
func (s *Server) readMessage(ctx context.Context, r *request, call *call, body transport.Body, length int) error {
	if err := s.readBytes(ctx, r, call, body, length); err != nil {
		return brokenOff(err)
	}
	switch err := body.Fill(make([]byte, headerSize)); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return brokenOff(err)
	}
	return malformed("the call has more than one request")
}

// readBytes reads a message into a buffer that grows as it arrives. Memory is reserved
// before the buffer grows.
func (s *Server) readBytes(ctx context.Context, r *request, call *call, body transport.Body, length int) error {
	r.slab = wire.Slabs.Get(min(length, maxSmallRequest))
	r.bytes = *r.slab
	if err := r.readFirst(body, r.bytes); err != nil {
		return err
	}
	for len(r.bytes) < length {
		have := len(r.bytes)
		size := min(2*have, length)
		if have >= wholeFrom {
			size = length
		}
		if err := s.reserveRequest(ctx, r, size, length); err != nil {
			return err
		}
		grown := make([]byte, size)
		copy(grown, r.bytes)
		r.drop()
		r.bytes = grown
		var err error
		if size <= firstBytes {
			err = r.readFirst(body, grown[have:])
		} else {
			err = s.readRest(call, body, grown[have:])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readFirst fills dst, which is a part of the first bytes of a request. It fails if they
// were sent in tiny frames.
func (r *request) readFirst(body transport.Body, dst []byte) error {
	for len(dst) > 0 {
		n := min(len(dst), firstStep)
		frames, err := body.FillCounting(dst[:n])
		if err != nil {
			return err
		}
		dst = dst[n:]
		r.received += n
		r.frames += frames
		if r.frames > tinyFrames && r.received < tinyFrames*(r.frames-tinyFrames) {
			return status.Errorf(codes.ResourceExhausted, "the request uses %d frames for %d bytes", r.frames, r.received)
		}
	}
	return nil
}

// readRest fills dst, for which memory is reserved. If dst is large and the client does
// not send, the call ends when other calls wait for memory.
func (s *Server) readRest(call *call, body transport.Body, dst []byte) error {
	if len(dst) <= wholeFrom {
		return readFull(body, dst, nil)
	}
	var stall *time.Timer
	set := make(chan struct{})
	stall = time.AfterFunc(receiveStall, func() {
		<-set
		if s.requests.waiting.Load() > 0 {
			call.connection.abort(call, s.tooSlow)
		} else if call.connection.isReceiving(call) { // the timer may expire while it is stopped
			stall.Reset(receiveStall)
		}
	})
	close(set)
	defer stall.Stop()
	return readFull(body, dst, func() { stall.Reset(receiveStall) })
}

// reserveRequest reserves size bytes for a request, in the pool for its whole length.
func (s *Server) reserveRequest(ctx context.Context, r *request, size, length int) (err error) {
	if r.reserved.bytes > 0 {
		return r.reserved.resize(ctx, int64(size))
	}
	r.reserved, err = s.requests.reserve(ctx, connectionOf(ctx), s.requests.poolOf(int64(length)), int64(size))
	return err
}

// readFull fills dst. It calls step after each read; step may be nil.
func readFull(body transport.Body, dst []byte, step func()) error {
	for len(dst) > 0 {
		n := min(len(dst), receiveStep)
		if err := body.Fill(dst[:n]); err != nil {
			return err
		}
		dst = dst[n:]
		if step != nil {
			step()
		}
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
