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
		"reading/leaving it early does no harm",
		"events/an event may hold nothing",
		"errors/after an error everything goes on",
		"positions/what was appended is read at once",
		"contexts/who leaves harms nobody else",
	}},
	{"closing does nothing", broken{close: func(*storetest.Naive) error { return nil }}, []string{
		"errors/a closed store says so",
		"subscribing/it ends without an error when the store closes",
	}},
	{"closing fails", broken{close: func(n *storetest.Naive) error {
		n.Close()
		return errors.New("busy")
	}}, []string{
		"errors/a closed store says so",
		"subscribing/it ends without an error when the store closes",
	}},
	{"an error ends the store", whenRefused(func(n *storetest.Naive, _ appending, err error) (uint64, error) {
		n.Close()
		return 0, err
	}), []string{
		"errors/after an error everything goes on",
		"limits/a request far over the limit is refused and the next is not",
	}},
	{"contexts are not looked at", broken{
		read: func(n *storetest.Naive, r reading) *dcb.ReadResponse {
			r.ctx = context.Background()
			return r.from(n)
		},
		head: func(n *storetest.Naive, _ context.Context) (uint64, error) { return n.Head(context.Background()) },
	}, []string{"contexts/a call whose context is over does nothing"}},
	{"a cancelled append fails in its own way", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		time.Sleep(100 * time.Microsecond)
		if a.ctx.Err() != nil {
			return 0, errors.New("gone")
		}
		return a.to(n)
	}), []string{
		"contexts/an append that is cancelled is there as a whole or not at all",
		"contexts/a call whose context is over does nothing",
	}},
}
