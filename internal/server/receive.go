package server

import (
	"encoding/binary"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

// transport is what gRPC's own stream can do and its interface does not name.
// By it a request is received here and not by RecvMsg, which takes a message of
// any allowed size into memory and waits for it for ever: here its length is
// known, and bytes are reserved for it, before anything of it is taken. The
// methods are not promised to stay; a test notices when they go.
type transport interface {
	// ReadMessageHeader fills header, or fails with io.EOF at the end.
	ReadMessageHeader(header []byte) error
	// Read gives the next n bytes.
	Read(n int) (mem.BufferSlice, error)
	// WriteStatus ends the stream, and with it a Read that waits.
	WriteStatus(*status.Status) error
}

// headerSize is that of a gRPC message: one byte that tells whether the
// message is compressed, and four of its length, big-endian.
const headerSize = 5

// maxSmallRequest bounds the requests that hold next to nothing, in bytes. They
// need no reservation: so the health is told when there is no room either.
const maxSmallRequest = 4 << 10

// chunk is how much of a large request is taken at once. Until then it may lie
// in frames of one byte, at many times its size.
const chunk = 1 << 20

// request is a message in hand.
type request struct {
	bytes  []byte
	buffer mem.Buffer // that bytes are of, or nil
	budget *budget
	weight int64 // reserved of the budget
}

// free gives up the bytes, which must not be used after. What was reserved for
// them stays so: what was parsed of them takes about as much.
func (r *request) free() {
	if r.buffer != nil {
		r.buffer.Free()
	}
	r.bytes, r.buffer = nil, nil
}

// done gives up everything.
func (r *request) done() {
	r.free()
	if r.weight > 0 {
		r.budget.give(r.weight)
	}
}

// receive takes the one message that a client sends, of at most limit bytes.
func (s *Server) receive(stream grpc.ServerStream, limit int64) (*request, error) {
	body, ok := grpc.ServerTransportStreamFromContext(stream.Context()).(transport)
	if !ok {
		return nil, errors.New("gRPC's stream has no methods to read by")
	}
	timer := time.AfterFunc(s.options.ReceiveTimeout, func() { body.WriteStatus(s.late) })
	defer timer.Stop()

	length, err := readLength(body)
	if err != nil {
		return nil, err
	}
	if length > limit {
		return nil, status.Errorf(codes.ResourceExhausted, "a message of %d bytes is over the limit of %d", length, limit)
	}
	r := &request{budget: s.budget}
	if limit > maxSmallRequest {
		if err := s.budget.take(stream.Context(), length); err != nil {
			return nil, err
		}
		r.weight = length
	}
	if err := r.read(body, int(length)); err != nil {
		r.done()
		return nil, err
	}
	if !timer.Stop() {
		r.done()
		return nil, s.late.Err()
	}
	return r, nil
}

// readLength reads what stands before a message.
func readLength(body transport) (int64, error) {
	header := make([]byte, headerSize)
	switch err := body.ReadMessageHeader(header); {
	case errors.Is(err, io.EOF):
		return 0, malformed("the call has no request")
	case err != nil:
		return 0, brokenOff(err)
	case header[0] != 0:
		return 0, status.Error(codes.Unimplemented, "compressed requests are not understood")
	}
	return int64(binary.BigEndian.Uint32(header[1:])), nil
}

// read takes the message and sees that none follows.
func (r *request) read(body transport, length int) error {
	if err := r.readBytes(body, length); err != nil {
		return brokenOff(err)
	}
	switch err := body.ReadMessageHeader(make([]byte, headerSize)); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return brokenOff(err)
	}
	return malformed("the call has more than one request")
}

// readBytes leaves a message where it has come to lie, if it lies in one
// piece, as a small one does, and puts it together otherwise.
func (r *request) readBytes(body transport, length int) error {
	if length <= chunk {
		data, err := body.Read(length)
		if err != nil {
			return err
		}
		r.buffer = data.MaterializeToBuffer(wire.Slabs)
		data.Free()
		r.bytes = r.buffer.ReadOnlyData()
		return nil
	}
	r.bytes = make([]byte, 0, length)
	for missing := length; missing > 0; missing = length - len(r.bytes) {
		data, err := body.Read(min(missing, chunk))
		if err != nil {
			return err
		}
		for _, piece := range data {
			r.bytes = append(r.bytes, piece.ReadOnlyData()...)
		}
		data.Free()
	}
	return nil
}

// brokenOff says what happened to a request of which a part has come.
func brokenOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed("the request ends before its length")
	}
	return err
}

func malformed(detail string) error {
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: detail}
}
