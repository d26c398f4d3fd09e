package wire_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

func TestCheckAPIKey(t *testing.T) {
	for _, key := range []string{"", "x", "umadb:key-4f7c", "two words", "!~"} {
		if err := wire.CheckAPIKey(key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	for _, key := range []string{"s3cret\n", "s3cret\r\n", "s3\ncret", "\ts3cret", " s3cret", "s3cret ", " ", "s3crét", "s3cret\x00", "s3cret\x7f", "\xff"} {
		err := wire.CheckAPIKey(key)
		if !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%q: %v", key, err)
		} else if strings.Contains(err.Error(), "s3") {
			t.Errorf("the error contains the key: %v", err)
		}
	}
}
