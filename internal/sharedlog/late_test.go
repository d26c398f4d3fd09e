package sharedlog_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
)

func TestLateLogIsOpenedByTheFirstCallThatSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := fakelog.New(fakelog.Options{})
		client := e.Connect()
		if _, err := client.Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{1}}); err != nil {
			t.Fatal(err)
		}
		failure, opens := errors.New("no route"), 0
		log := sharedlog.NewLate(func(ctx context.Context) (sharedlog.Log, error) {
			opens++
			time.Sleep(time.Second)
			if failure != nil {
				return nil, failure
			}
			return client, nil
		})
		if _, err := log.Last(t.Context()); !errors.Is(err, failure) || log.MaxRecord() != 0 || log.Unwrap() != nil {
			t.Errorf("a log that cannot be opened: %v", err)
		}
		failure = nil
		results := make(chan error)
		for range 2 {
			go func() {
				_, err := log.Origin(t.Context())
				results <- err
			}()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		synctest.Wait()
		if err := log.Wait(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a call while another one opens the log: %v", err)
		}
		for range 2 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if opens != 2 || log.MaxRecord() != client.MaxRecord() || log.Unwrap() != sharedlog.Log(client) {
			t.Errorf("opened %d times, with records of %d bytes", opens, log.MaxRecord())
		}
		if err := log.Append(t.Context(), sharedlog.Point{}, 7, []byte("x")); err != nil {
			t.Error(err)
		}
		if records, err := log.Read(t.Context(), 1); len(records) != 1 || err != nil {
			t.Errorf("%d records, %v", len(records), err)
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
		if _, err := client.Last(t.Context()); !errors.Is(err, sharedlog.ErrClosed) {
			t.Errorf("after closing: %v", err)
		}
	})
}

func TestLateLogIsNotOpenedAfterClose(t *testing.T) {
	log := sharedlog.NewLate(func(context.Context) (sharedlog.Log, error) {
		t.Error("opened")
		return nil, nil
	})
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	if _, err := log.Last(t.Context()); !errors.Is(err, sharedlog.ErrClosed) {
		t.Errorf("after closing: %v", err)
	}
}
