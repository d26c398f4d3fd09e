package web

import (
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
)

// bodiesMemory returns the memory in bytes for bodies of up to size bytes.
func bodiesMemory(size int) int64 { return max(64<<20, bodyCost*(int64(size)+1)) }

// ReadJSON reads the body of a request, which must be JSON. The caller must call release when it
// no longer uses the body. A body may take requestTimeout to arrive.
func (b *Backend) ReadJSON(r *http.Request) (body []byte, release func(), err error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, nil, &StatusError{http.StatusUnsupportedMediaType, "the body must be JSON: send it with the header \"Content-Type: application/json\""}
	}
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	limit := int64(b.server.options.RequestBytes)
	if r.ContentLength > limit {
		return nil, nil, tooLarge(limit)
	}
	claimed := int64(0)
	free := func() { b.server.bodies.Release(claimed) }
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
			if err := b.server.claimMemory(ctx, size*bodyCost-claimed); err != nil {
				return nil, nil, err
			}
			claimed = size * bodyCost
			body = append(make([]byte, 0, size), body...)
		}
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return nil, nil, tooLarge(limit)
		case err == io.EOF:
			return body, free, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, nil, &StatusError{http.StatusRequestTimeout, fmt.Sprintf("the request took more than %v to arrive", requestTimeout)}
		case err != nil:
			return nil, nil, &StatusError{http.StatusBadRequest, "the body is incomplete: " + err.Error()}
		}
	}
}

// claimMemory claims memory for a body.
func (s *Server) claimMemory(ctx context.Context, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, memoryTimeout)
	defer cancel()
	if s.bodies.Acquire(ctx, size) != nil {
		return errBusy
	}
	return nil
}

func tooLarge(limit int64) error {
	return &StatusError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes, the maximum: append fewer events with each request", limit)}
}
