package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"time"
)

const (
	// firstBody is the size in bytes of the first buffer of a body, which doubles as the body arrives.
	firstBody = 16 << 10
	// bodyCost is how many bytes of memory a byte of a body takes: itself, its parts, and the request
	// to the server.
	bodyCost = 3
	// memoryTimeout is how long a request waits for memory.
	memoryTimeout = 5 * time.Second
	// memoryPoll is the time between two attempts to claim memory of the share of a key.
	memoryPoll = 10 * time.Millisecond
	// openBytes and openTimeout bound the body of a request without a key.
	openBytes   = 16 << 10
	openTimeout = 5 * time.Second
)

// bodiesMemory returns the memory in bytes for bodies of up to size bytes. A key that uses its share
// leaves a quarter for others.
func bodiesMemory(size int) int64 { return max(64<<20, bodyCost*(int64(size)+1)/3*4) }

// newShares returns the slots for what each key uses of the memory for bodies: at most that of one body
// of the maximum size.
func newShares(size int) *slots {
	s := newSlots(bodiesMemory(size))
	s.each = bodyCost * (int64(size) + 1)
	return s
}

// ReadJSON reads the body of a request, which must be JSON. The caller must call release when it
// no longer uses the body. A body may take requestTimeout to arrive.
func (b *Backend) ReadJSON(r *http.Request) (body []byte, release func(), err error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, nil, &StatusError{http.StatusUnsupportedMediaType, "the body must be JSON: send it with the header \"Content-Type: application/json\""}
	}
	limit := int64(b.server.options.RequestBytes)
	return b.readBody(r, limit, tooLarge(limit))
}

// ReadForm reads the body of a request, and parses it as the form of r. It returns an
// http.MaxBytesError if the body has more than limit bytes.
func (b *Backend) ReadForm(r *http.Request, limit int64) error {
	body, release, err := b.readBody(r, limit, &http.MaxBytesError{Limit: limit})
	if err != nil {
		return err
	}
	defer release()
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r.ParseForm()
}

// readBody reads the body of a request, and claims its slot. tooLarge is the error of a body with more
// than limit bytes.
func (b *Backend) readBody(r *http.Request, limit int64, tooLarge error) (body []byte, release func(), err error) {
	if r.ContentLength > limit {
		return nil, nil, tooLarge
	}
	if err := b.server.arriving.claim(b.key, 1); err != nil {
		return nil, nil, err
	}
	defer b.server.arriving.release(b.key, 1)
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	claimed := int64(0)
	free := func() { b.server.releaseMemory(b.key, claimed) }
	defer func() {
		if err != nil {
			free()
		}
	}()
	for {
		if len(body) == cap(body) {
			size := min(max(firstBody, 2*int64(cap(body))), limit+1)
			if r.ContentLength >= 0 {
				size = min(size, r.ContentLength+1) // one more byte, to see the end
			}
			if err := b.server.claimMemory(ctx, b.key, size*bodyCost-claimed); err != nil {
				return nil, nil, err
			}
			claimed = size * bodyCost
			body = append(make([]byte, 0, size), body...)
		}
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return nil, nil, tooLarge
		case err == io.EOF:
			return body, free, b.enter()
		case err != nil:
			return nil, nil, incomplete(err, requestTimeout)
		}
	}
}

// readOpen reads the body of a request without a key, which then is in memory.
func readOpen(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		return nil // it is not used
	}
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Now().Add(openTimeout)) // an error shows when reading
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, openBytes))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return &StatusError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the form has more than %d bytes, the maximum", large.Limit)}
	}
	if err != nil {
		return incomplete(err, openTimeout)
	}
	control.SetReadDeadline(time.Time{})
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// incomplete returns the error for a body that cannot be read.
func incomplete(err error, timeout time.Duration) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &StatusError{http.StatusRequestTimeout, fmt.Sprintf("the request took more than %v to arrive", timeout)}
	}
	return &StatusError{http.StatusBadRequest, "the body is incomplete: " + err.Error()}
}

// claimMemory claims memory for a body.
func (s *Server) claimMemory(ctx context.Context, key string, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, memoryTimeout)
	defer cancel()
	if key != "" { // others share all of it
		for s.shares.claim(key, size) != nil { // the client may have the answer to a request before its memory is released
			select {
			case <-time.After(memoryPoll):
			case <-ctx.Done():
				return errShare
			}
		}
	}
	if s.bodies.Acquire(ctx, size) != nil {
		if key != "" {
			s.shares.release(key, size)
		}
		return errBusy
	}
	return nil
}

func (s *Server) releaseMemory(key string, size int64) {
	s.bodies.Release(size)
	if key != "" {
		s.shares.release(key, size)
	}
}

func tooLarge(limit int64) error {
	return &StatusError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes, the maximum: append fewer events with each request", limit)}
}
