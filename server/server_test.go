package server_test

import (
	"errors"
	"testing"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/server"
)

// foreignStore is an EventStore that package umadb did not open.
type foreignStore struct{ dcb.EventStore }

func TestNewRefusesAStoreOfAnotherPackage(t *testing.T) {
	if _, err := server.New(foreignStore{}, server.Options{}); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("New returns %v", err)
	}
}

func TestNewRefusesAKeyThatNoClientCanSend(t *testing.T) {
	store := umadb.OpenMemory()
	defer store.Close()
	if _, err := server.New(store, server.Options{APIKey: "two\nlines"}); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("New returns %v", err)
	}
}
