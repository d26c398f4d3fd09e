package storetest_test

import (
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

func TestNaiveConforms(t *testing.T) {
	storetest.Run(t, func(storetest.T) dcb.EventStore { return storetest.NewNaive() }, storetest.Options{})
}

func TestNaiveConformsWithHistory(t *testing.T) {
	storetest.Run(t, withHistory, storetest.Options{Shared: true})
}

// withHistory returns a store that is not empty.
func withHistory(t storetest.T) dcb.EventStore {
	naive := storetest.NewNaive()
	for i, event := range []dcb.Event{{Type: "A", Tags: []string{"x"}}, {}, {Tags: []string{""}}} {
		tracking := &dcb.TrackingInfo{Source: "s", Position: uint64(i)}
		if _, err := naive.Append(t.Context(), []dcb.Event{event, event}, nil, tracking); err != nil {
			t.Fatalf("appending: %v", err)
		}
	}
	return naive
}

func TestNaiveAgreesWithItself(t *testing.T) {
	storetest.Model(t, func(storetest.T) (dcb.EventStore, func() dcb.EventStore) {
		naive := storetest.NewNaive()
		return naive, func() dcb.EventStore {
			naive = naive.Reopen()
			return naive
		}
	})
}
