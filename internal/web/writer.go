package web

import (
	"net/http"
	"time"
)

// writer is the writer of an answer. It knows whether the answer has started, and bounds how long the
// client may not read it.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	started bool
	// resets is set with HTTP/2, where a deadline ends an answer also if nothing is being written.
	resets bool
}

// newWriter returns a writer of an answer with the headers of all answers.
func newWriter(w http.ResponseWriter, r *http.Request) *writer {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	return &writer{ResponseWriter: w, control: http.NewResponseController(w), resets: r.ProtoMajor > 1}
}

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	w.started = true
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *writer) Write(data []byte) (int, error) {
	defer w.bound()()
	return w.ResponseWriter.Write(data)
}

// FlushError sends what has been written. It is used by http.ResponseController.
func (w *writer) FlushError() error {
	defer w.bound()()
	return w.control.Flush()
}

// bound bounds how long the client has to read what is written until end is called.
func (w *writer) bound() (end func()) {
	w.started = true
	w.finish()
	return func() {
		if w.resets {
			w.control.SetWriteDeadline(time.Time{}) // an error shows when writing
		}
	}
}

// finish bounds how long the client has to read what is sent after the handler.
func (w *writer) finish() {
	w.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // an error shows when writing
}

// Unwrap returns the writer of net/http, for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// headers are those of every answer. Pages load nothing from other hosts, and no other page may
// contain them, or load what is here.
var headers = map[string]string{
	"Content-Security-Policy":      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "no-referrer",
	"Cache-Control":                "no-store",
}

// refusal is the writer of an answer of http.ServeMux, of which only the headers are used.
type refusal struct{ header http.Header }

// Header implements http.ResponseWriter.
func (r refusal) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (refusal) WriteHeader(int) {}

// Write implements http.ResponseWriter.
func (refusal) Write(data []byte) (int, error) { return len(data), nil }
