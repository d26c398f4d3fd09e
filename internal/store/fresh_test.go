package store

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// A failover of the engine takes a while, in which questions fail. A fresh read asks again.
func TestFreshReadAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		s := openShared(t, e, vfs.NewMem(), Shared{MaxStaleness: 10 * time.Second})
		mustAppend(t, s, "x")
		e.SetDown(true)
		time.AfterFunc(8*time.Second, func() { e.SetDown(false) })
		if head, err := s.Head(t.Context()); head != 1 || err != nil {
			t.Errorf("the head is %d, %v", head, err)
		}
		e.SetDown(true)
		since := time.Now()
		_, err := s.Head(t.Context())
		if took := time.Since(since); !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "engine is down") || took != 10*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		s.Close()
	})
}

// A log that has been silent for long does not delay each read by the whole time: a client may have
// another server.
func TestFreshReadOfASilentLogFailsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		s := openShared(t, e, vfs.NewMem(), Shared{MaxStaleness: 10 * time.Second})
		mustAppend(t, s, "x")
		e.SetDown(true)
		time.Sleep(time.Minute)
		since := time.Now()
		_, err := s.Head(t.Context())
		if took := time.Since(since); !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "has not answered this server for 1m") || took != time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		time.AfterFunc(500*time.Millisecond, func() { e.SetDown(false) })
		if head, err := s.Head(t.Context()); head != 1 || err != nil {
			t.Errorf("when the log answers again, the head is %d, %v", head, err)
		}
		s.Close()
	})
}

// A client tries another server after the error of a read that an engine has delayed, but not after a
// deadline of its own.
func TestFreshReadOfALogThatHangsHasNoDeadlineError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		log := &hangingLog{Log: e.Connect()}
		s, _ := openLogged(t, e, vfs.NewMem(), Shared{Log: log, MaxStaleness: 10 * time.Second, Timeout: 2 * time.Second})
		log.hangs.Store(true)
		for range 2 { // the second one when the log has been silent for long
			_, err := s.Head(t.Context())
			if !errors.Is(err, dcb.ErrTransport) || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "has not answered") {
				t.Errorf("a fresh read: %v", err)
			}
			time.Sleep(time.Minute)
		}
		s.Close()
	})
}

// hangingLog is a shared log whose end is not answered.
type hangingLog struct {
	sharedlog.Log
	hangs atomic.Bool
}

func (l *hangingLog) Last(ctx context.Context) (sharedlog.Point, error) {
	if !l.hangs.Load() {
		return l.Log.Last(ctx)
	}
	<-ctx.Done()
	return sharedlog.Point{}, ctx.Err()
}

// Opening ends although a connection neither answers nor breaks.
func TestOpenSharedEndsWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &alteredLog{Log: sharedEngine(t, fakelog.Options{}).Connect(), origin: func(ctx context.Context) (sharedlog.Origin, error) {
			<-ctx.Done()
			return sharedlog.Origin{}, ctx.Err()
		}}
		since := time.Now()
		_, err := OpenShared(context.Background(), "/store", &Options{FS: vfs.NewMem()}, Shared{Log: log, Timeout: time.Second})
		if took := time.Since(since); !errors.Is(err, dcb.ErrTransport) || took > 2*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		_, err = OpenShared(context.Background(), "/store", &Options{FS: vfs.NewMem()}, Shared{Log: log, Address: strings.Repeat("a", sharedlog.MaxAddress+1)})
		if !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("with a long address: %v", err)
		}
	})
}
