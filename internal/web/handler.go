package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// Handler answers a request. If it returns an error before it has written anything, the error is
// the answer; later, the connection is closed, so that the client sees that the answer is incomplete.
type Handler func(w http.ResponseWriter, r *http.Request, b *Backend) error

// Fail writes an error as the answer to a request.
type Fail func(w http.ResponseWriter, r *http.Request, err error)

// Handle registers a handler for a pattern of http.ServeMux.
func (s *Server) Handle(pattern string, handler Handler, fail Fail) {
	s.handle(pattern, s.requests, handler, fail)
}

// HandleStream registers a handler whose answer lasts until the client leaves or the server stops.
func (s *Server) HandleStream(pattern string, handler Handler, fail Fail) {
	s.handle(pattern, s.streams, func(w http.ResponseWriter, r *http.Request, b *Backend) error {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.stopping, cancel)()
		return handler(w, r.WithContext(ctx), b)
	}, fail)
}

// HandleOpen registers a handler that needs no key.
func (s *Server) HandleOpen(pattern string, handler http.HandlerFunc) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		writer := s.newWriter(w)
		if err := claim(s.requests); err != nil {
			FailJSON(writer, r, err)
			return
		}
		defer release(s.requests)
		handler(writer, r)
	})
}

func (s *Server) handle(pattern string, slots chan struct{}, handler Handler, fail Fail) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		writer := s.newWriter(w)
		err := claim(slots)
		if err == nil {
			defer release(slots)
			err = s.serve(writer, r, handler)
		}
		switch {
		case err == nil:
		case writer.started:
			panic(http.ErrAbortHandler)
		default:
			fail(writer, r, err)
		}
	})
}

// serve calls a handler with the backend for the key of the request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, handler Handler) error {
	key := keyOf(r)
	b, err := s.options.Connect(r.Context(), key)
	if err != nil {
		return err
	}
	defer b.Close()
	if key == "" && !isTrustedHost(r.Host) {
		return errHost
	}
	if !s.options.Append {
		b.Events, b.ReadOnly = readOnly{b.Events}, true
	}
	err = handler(w, r, b)
	if errors.Is(err, dcb.ErrAuthentication) {
		err = errDenied{err} // the key is valid, and has no right to this
	}
	return err
}

// claim claims a slot for a request.
func claim(slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	default:
		return errBusy
	}
}

func release(slots chan struct{}) { <-slots }

// writer is the writer of an answer. It knows whether the answer has started, and bounds how long the
// client may not read it.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	started bool
}

func (s *Server) newWriter(w http.ResponseWriter) *writer {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	return &writer{ResponseWriter: w, control: http.NewResponseController(w)}
}

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	w.started = true
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *writer) Write(data []byte) (int, error) {
	w.started = true
	w.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // an error shows when writing
	return w.ResponseWriter.Write(data)
}

// Unwrap returns the writer of net/http, for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// headers are those of every answer. Pages load nothing from other hosts, and no other page may
// contain them.
var headers = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":  "nosniff",
	"Referrer-Policy":         "no-referrer",
	"Cache-Control":           "no-store",
}
