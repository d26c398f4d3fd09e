package httpapi

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/umadb-go/umadb/dcb"
)

func TestSilentStreamSendsComments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := httptest.NewRecorder()
		s := newStream(w, func() { t.Error("the stream is cancelled") })
		time.Sleep(2*heartbeat + heartbeat/2)
		s.close(nil)
		if n := strings.Count(w.Body.String(), ": the stream is alive\n\n"); n != 2 {
			t.Errorf("%d comments in %q", n, w.Body)
		}
	})
}

// While an event waits for memory, comments are sent.
func TestStreamSendsCommentsBeforeLargeEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := httptest.NewRecorder()
		s := newStream(w, func() {})
		a := &api{large: semaphore.NewWeighted(largeMemory)}
		a.large.TryAcquire(largeMemory)
		err := s.event(t.Context(), a, &dcb.SequencedEvent{Position: 1, Event: dcb.Event{Data: make([]byte, largeEvent)}})
		s.close(nil)
		if n := strings.Count(w.Body.String(), ": the stream is alive\n\n"); err == nil || n < 2 {
			t.Errorf("%d comments are sent before the event fails with %v", n, err)
		}
	})
}

// An event is sent at once, also if it is the only one for long.
func TestStreamSendsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := httptest.NewRecorder()
		s := newStream(w, func() {})
		defer s.close(nil)
		s.progress(dcb.Progress{Checked: 3, Head: 4})
		synctest.Wait()
		if want := "id: 3\nevent: progress\ndata: {\"checked\":3,\"head\":4}\n\n"; !strings.HasSuffix(w.Body.String(), want) {
			t.Errorf("the stream is %q, want %q", w.Body, want)
		}
	})
}

// A subscription that is refused has the status of its error.
func TestStreamWithoutAnEventIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("the key has no right to this")
		for wait, want := range map[time.Duration]int{0: 0, 2 * opening: len("retry: 3000\n\n")} {
			w := httptest.NewRecorder()
			s := newStream(w, func() {})
			time.Sleep(wait)
			if err := s.close(refused); !errors.Is(err, refused) || w.Body.Len() != want {
				t.Errorf("after %v the stream ends with %v, and %q is sent", wait, err, w.Body)
			}
		}
	})
}

// failingWriter is the writer of an answer whose client has gone.
type failingWriter struct{ http.ResponseWriter }

var errGone = errors.New("the client has gone")

func (failingWriter) Write([]byte) (int, error) { return 0, errGone }
func (failingWriter) FlushError() error         { return errGone }

func TestStreamEndsItsSubscriptionIfTheClientDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancelled := make(chan struct{})
		s := newStream(failingWriter{httptest.NewRecorder()}, func() { close(cancelled) })
		<-cancelled
		if err := s.event(t.Context(), &api{}, &dcb.SequencedEvent{Position: 1}); !errors.Is(err, errGone) {
			t.Errorf("an event is written: %v", err)
		}
		s.close(nil)
	})
}

// A client learns once that it has all events, and again after it has lagged.
func TestProgressIsSentIfItIsNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := httptest.NewRecorder()
		s := newStream(w, func() {})
		a := &api{}
		for _, p := range []dcb.Progress{{Checked: 2, Head: 9}, {Checked: 9, Head: 9}} {
			s.progress(p)
		}
		for _, position := range []uint64{10, 11} { // each is the head
			if err := s.event(t.Context(), a, &dcb.SequencedEvent{Position: position}); err != nil {
				t.Error(err)
			}
			s.progress(dcb.Progress{Checked: position, Head: position})
		}
		s.progress(dcb.Progress{Checked: 15, Head: 15}) // nothing matched
		s.progress(dcb.Progress{Checked: 16, Head: 20})
		s.progress(dcb.Progress{Checked: 20, Head: 20})
		s.close(nil)
		var got []string
		for line := range strings.Lines(w.Body.String()) {
			if name, found := strings.CutPrefix(strings.TrimSpace(line), "event: "); found {
				got = append(got, name)
			}
		}
		if want := "progress caught-up caught-up progress caught-up"; strings.Join(got, " ") != want {
			t.Errorf("the events are %q, want %q", got, want)
		}
	})
}
