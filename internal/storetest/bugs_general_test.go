package storetest_test

import (
	"context"
	"errors"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

var generalBugs = []bug{
	{"nothing is stored", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		position, err := a.to(storetest.NewNaive())
		return position, err
	}), []string{
		"reading/a read may end early",
		"events/an event may be empty",
		"errors/the store works after an error",
		"positions/appended events can be read at once",
		"contexts/a cancelled append does not affect others",
	}},
	{"closing does nothing", broken{close: func(*storetest.Naive) error { return nil }}, []string{
		"errors/a closed store returns ErrClosed",
		"subscribing/a subscription ends without error when the store is closed",
	}},
	{"closing fails", broken{close: func(n *storetest.Naive) error {
		n.Close()
		return errors.New("busy")
	}}, []string{
		"errors/a closed store returns ErrClosed",
		"subscribing/a subscription ends without error when the store is closed",
	}},
	{"an error ends the store", whenRefused(func(n *storetest.Naive, _ appending, err error) (uint64, error) {
		n.Close()
		return 0, err
	}), []string{
		"errors/the store works after an error",
		"limits/a request far over the limit is refused and the next is not",
	}},
	{"contexts are ignored", broken{
		read: func(n *storetest.Naive, r reading) *dcb.ReadResponse {
			r.ctx = context.Background()
			return r.from(n)
		},
		head: func(n *storetest.Naive, _ context.Context) (uint64, error) { return n.Head(context.Background()) },
	}, []string{"contexts/a call with a cancelled context does nothing"}},
	{"a cancelled append returns another error", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		time.Sleep(100 * time.Microsecond)
		if a.ctx.Err() != nil {
			return 0, errors.New("gone")
		}
		return a.to(n)
	}), []string{
		"contexts/a cancelled append is written as a whole or not at all",
		"contexts/a call with a cancelled context does nothing",
	}},
}
