package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/umadb-go/umadb/dcb"
)

var (
	errBusy = errors.New("too many requests are in progress; try again later")
	errHost = errors.New("the host of the URL is not trusted without an API key: use the address of the server, as in http://127.0.0.1:8080")
)

// errDenied is the error of a valid key that does not have a right.
type errDenied struct{ error }

// Unwrap returns the error of the server.
func (e errDenied) Unwrap() error { return e.error }

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
	{errHost, http.StatusForbidden},
	{errBusy, http.StatusServiceUnavailable},
	{dcb.ErrTransport, http.StatusServiceUnavailable},
	{dcb.ErrClosed, http.StatusServiceUnavailable},
	{context.DeadlineExceeded, http.StatusGatewayTimeout},
}

// ErrNotFound is returned by handlers if there is nothing at the path.
var ErrNotFound = errors.New("not found")

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
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // an error means that the client has gone
}
