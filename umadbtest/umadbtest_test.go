package umadbtest_test

import (
	"testing"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/umadbtest"
)

func TestStoreInMemoryConforms(t *testing.T) {
	umadbtest.Run(t, umadbtest.NewStore, umadbtest.Options{})
}

func TestServerConforms(t *testing.T) {
	umadbtest.Run(t, func(t testing.TB) dcb.EventStore {
		store, err := client.Dial(umadbtest.NewServer(t, umadbtest.NewStore(t)), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		return store
	}, umadbtest.Options{})
}
