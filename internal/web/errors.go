package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/umadb-go/umadb/dcb"
)

var (
	errBusy     = errors.New("too many requests are in progress; try again later")
	errShare    = errors.New("too many requests with this API key are in progress; try again later")
	errHost     = errors.New("the host of the URL is not trusted without an API key: use the address of the server, as in http://127.0.0.1:8080")
	errForeign  = errors.New("the request comes from a page of another site: only pages of this server can use it")
	errMethod   = errors.New("the method is not allowed here; the header Allow has those that are")
	errReadOnly = errors.New("events cannot be appended here: start umadb serve with --console-append, or umadb console with --append")
)

// ErrNotFound is returned by handlers if there is nothing at the path.
var ErrNotFound = errors.New("there is nothing at this path")

// StatusError is an error that a handler answers with a status of its own.
type StatusError struct {
	Status int
	Detail string
}

// Error implements error.
func (e *StatusError) Error() string { return e.Detail }

// errDenied is the error of a valid key that does not have a right.
type errDenied struct{ error }

// Unwrap returns the error of the server.
func (e errDenied) Unwrap() error { return e.error }

// Denied returns an error of a call for a handler. A handler is only called with a valid key, so
// dcb.ErrAuthentication means that the key has no right to the call.
func Denied(err error) error {
	if errors.Is(err, dcb.ErrAuthentication) {
		return errDenied{err}
	}
	return err
}

// Problem is the answer to a request that failed, in the form of RFC 9457.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// ConflictPosition is that of the event that matches the condition of an append.
	ConflictPosition uint64 `json:"conflict_position,omitempty"`
	// NotAppended is set if the events of a failed append were certainly not stored.
	NotAppended bool `json:"not_appended,omitempty"`
}

// statuses are the status codes of kinds of errors. The first one that matches applies.
var statuses = []struct {
	kind   error
	status int
}{
	{errors.ErrUnsupported, http.StatusNotImplemented},
	{dcb.ErrInvalidArgument, http.StatusBadRequest},
	{dcb.ErrIntegrity, http.StatusConflict},
	{dcb.ErrAuthentication, http.StatusUnauthorized},
	{ErrNotFound, http.StatusNotFound},
	{errMethod, http.StatusMethodNotAllowed},
	{errHost, http.StatusForbidden},
	{errForeign, http.StatusForbidden},
	{errReadOnly, http.StatusForbidden},
	{errShare, http.StatusServiceUnavailable},
	{errBusy, http.StatusServiceUnavailable},
	{dcb.ErrTransport, http.StatusServiceUnavailable},
	{dcb.ErrClosed, http.StatusServiceUnavailable},
	{context.DeadlineExceeded, http.StatusGatewayTimeout},
}

// ProblemOf returns the answer for an error.
func ProblemOf(err error) Problem {
	p := Problem{Status: http.StatusInternalServerError, Detail: err.Error()}
	for _, s := range statuses {
		if errors.Is(err, s.kind) {
			p.Status = s.status
			break
		}
	}
	if denied := (errDenied{}); errors.As(err, &denied) {
		p.Status = http.StatusForbidden
	}
	if own := (*StatusError)(nil); errors.As(err, &own) {
		p.Status = own.Status
	}
	if refused := (*dcb.Error)(nil); errors.As(err, &refused) {
		p.ConflictPosition, p.NotAppended = refused.ConflictPosition, refused.NotAppended
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// FailJSON writes an error as JSON.
func FailJSON(w http.ResponseWriter, _ *http.Request, err error) {
	p := ProblemOf(err)
	w.Header().Set("Content-Type", "application/problem+json")
	switch p.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // an error means that the client has gone
}
