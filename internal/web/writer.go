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
}

// newWriter returns a writer of an answer with the headers of all answers.
func newWriter(w http.ResponseWriter) *writer {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	return &writer{ResponseWriter: w, control: http.NewResponseController(w)}
}

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	w.start()
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *writer) Write(data []byte) (int, error) {
	w.start()
	return w.ResponseWriter.Write(data)
}

// FlushError sends what has been written. It is used by http.ResponseController.
func (w *writer) FlushError() error {
	w.start()
	return w.control.Flush()
}

// start starts the time that the client has to read what is written next.
func (w *writer) start() {
	w.started = true
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
