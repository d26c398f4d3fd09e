package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/umadb-go/umadb/dcb"
)

// Handler answers a request. If it returns an error before it has written anything, the error is
// the answer; later, the connection is closed, so that the client sees that the answer is incomplete.
type Handler func(w http.ResponseWriter, r *http.Request, b *Backend) error

// Fail writes an error as the answer to a request.
type Fail func(w http.ResponseWriter, r *http.Request, err error)

// Handle registers a handler for a pattern of http.ServeMux. Its answer is short. If it uses the body
// of a request, it must read it with ReadJSON or ReadForm first.
func (s *Server) Handle(pattern string, handler Handler, fail Fail) {
	s.handle(pattern, s.requests, handler, fail)
}

// HandleAppend registers a handler that appends events. It may wait for the disk, so appends do not
// use the slots of other requests: an operator can look at the server meanwhile.
func (s *Server) HandleAppend(pattern string, handler Handler, fail Fail) {
	s.handle(pattern, s.appends, handler, fail)
}

// HandleLong registers a handler whose answer may have any length, but ends.
func (s *Server) HandleLong(pattern string, handler Handler, fail Fail) {
	s.handle(pattern, s.long, handler, fail)
}

// HandleStream registers a handler whose answer lasts until the client leaves or the server stops.
func (s *Server) HandleStream(pattern string, handler Handler, fail Fail) {
	s.handle(pattern, s.streams, func(w http.ResponseWriter, r *http.Request, b *Backend) error {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.stopping, cancel)()
		err := handler(w, r.WithContext(ctx), b)
		if s.stopping.Err() != nil && r.Context().Err() == nil && errors.Is(err, context.Canceled) {
			return nil // the answer is complete
		}
		return err
	}, fail)
}

// HandleOpen registers a handler that needs no key and waits for nothing. A body of a request is a small form.
func (s *Server) HandleOpen(pattern string, handler http.HandlerFunc) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		release, err := claimOpen(r)
		if err == nil {
			defer release()
			err = readOpen(w, r)
		}
		if err != nil {
			FailJSON(w, r, err)
			return
		}
		handler(w, r)
	})
}

func (s *Server) handle(pattern string, slots *slots, handler Handler, fail Fail) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		err := s.serve(w, r, slots, handler)
		switch {
		case err == nil:
		case w.(*writer).started:
			panic(http.ErrAbortHandler)
		default:
			fail(w, r, err)
		}
	})
}

// serve calls a handler with the backend for the key of the request. A request without a valid key
// takes no slot, one with a body takes it when the body has arrived.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, slots *slots, handler Handler) error {
	key := keyOf(r)
	b, err := s.options.Connect(r.Context(), key)
	if errors.Is(err, dcb.ErrInvalidArgument) { // no key has such characters
		return &StatusError{http.StatusUnauthorized, err.Error()}
	}
	if err != nil {
		return err
	}
	defer b.Close()
	if key == "" && !isTrustedHost(r.Host) {
		return errHost
	}
	b.server, b.key, b.slots = s, key, slots
	b.PrintedKey = s.options.PrintedKey
	defer b.leave()
	if r.ContentLength == 0 || r.Method == http.MethodGet || r.Method == http.MethodHead {
		if err := b.enter(); err != nil {
			return err
		}
	}
	defer useConnection(r.Context())()
	if !s.options.Append {
		b.Events, b.ReadOnly = readOnly{b.Events}, true
	}
	return Denied(handler(w, r, b))
}

// answer answers a request: it adds the headers of all answers, and refuses requests from pages of
// other sites.
func (s *Server) answer(response http.ResponseWriter, r *http.Request) {
	w := newWriter(response, r)
	defer w.finish()
	defer s.recover(w, r)
	if s.crossOrigin.Check(r) != nil || isEmbedded(r) {
		FailJSON(w, r, errForeign)
		return
	}
	handler, pattern := s.mux.Handler(r)
	if pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	refused := refusal{http.Header{}}
	handler.ServeHTTP(refused, r)
	err := ErrNotFound
	if methods := refused.header.Get("Allow"); methods != "" {
		w.Header().Set("Allow", methods)
		err = errMethod
	}
	s.failUnder(r.URL.Path)(w, r, err)
}

// FailUnder sets how requests for unknown paths that start with a prefix are answered. Without it,
// the answer is JSON. Of several prefixes, the longest applies.
func (s *Server) FailUnder(prefix string, fail Fail) { s.fails[prefix] = fail }

func (s *Server) failUnder(path string) Fail {
	longest, found := "", Fail(FailJSON)
	for prefix, fail := range s.fails {
		if strings.HasPrefix(path, prefix) && len(prefix) > len(longest) {
			longest, found = prefix, fail
		}
	}
	return found
}

// recover logs a bug in a handler.
func (s *Server) recover(w *writer, r *http.Request) {
	bug := recover()
	switch {
	case bug == nil:
		return
	case bug == http.ErrAbortHandler:
		panic(bug)
	}
	s.options.Logger.Error("a handler panicked", "path", r.URL.Path, "panic", fmt.Sprint(bug), "stack", string(debug.Stack()))
	if w.started {
		panic(http.ErrAbortHandler)
	}
	FailJSON(w, r, errors.New("internal error: see the log of the server"))
}
