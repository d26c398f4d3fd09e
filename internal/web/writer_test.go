package web_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/web"
)

// timed is the writer of an answer that records the deadlines.
type timed struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

// SetWriteDeadline is used by http.ResponseController.
func (t *timed) SetWriteDeadline(deadline time.Time) error {
	t.deadline = deadline
	return nil
}

// With HTTP/2 a deadline ends an answer, also one that has nothing to send for a while.
func TestAnswerMayPause(t *testing.T) {
	for version, wantPause := range map[int]bool{1: false, 2: true} {
		synctest.Test(t, func(t *testing.T) {
			w := &timed{ResponseRecorder: httptest.NewRecorder()}
			var pause time.Time
			s := newServer(web.Options{})
			s.HandleLong("GET /pause", func(out http.ResponseWriter, _ *http.Request, _ *web.Backend) error {
				_, err := io.WriteString(out, "first")
				pause = w.deadline
				return err
			}, web.FailJSON)
			r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "http://127.0.0.1/pause", nil)
			r.ProtoMajor = version
			r.Header.Set(withKey[0], withKey[1])
			s.ServeHTTP(w, r)
			if pause.IsZero() != wantPause {
				t.Errorf("with HTTP/%d the deadline after a write is %v", version, pause)
			}
			if want := time.Now().Add(web.WriteTimeout); !w.deadline.Equal(want) {
				t.Errorf("with HTTP/%d the deadline after the answer is %v, want %v", version, w.deadline, want)
			}
		})
	}
}
