package vfs_test

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

func TestFormatBytesNeverChange(t *testing.T) {
	format := vfs.Format{Magic: "UmaDBtst", Version: 1, Size: 20}
	b := format.New()
	copy(b[12:], "text")
	const want = "556d614442747374010000007465787464a25d57"
	if got := hex.EncodeToString(format.Seal(b)); got != want {
		t.Errorf("the bytes are %s, not %s", got, want)
	}
	if err := format.Check(b); err != nil {
		t.Error(err)
	}
}

func TestFormatChecksAllBytes(t *testing.T) {
	format := vfs.Format{Magic: "UmaDBtst", Version: 1, Size: 20}
	valid := format.Seal(format.New())
	for i := range valid {
		b := append([]byte(nil), valid...)
		b[i] ^= 1
		if err := format.Check(b); err == nil || errors.Is(err, vfs.ErrVersion) {
			t.Errorf("with byte %d changed: %v", i, err)
		}
	}
	for _, size := range []int{0, 1, 8, 19} {
		if format.Check(valid[:size]) == nil {
			t.Errorf("the first %d bytes are valid", size)
		}
	}
	if format.Check(append(valid, 0)) == nil {
		t.Error("a longer file is valid")
	}
	other := format
	other.Magic = "UmaDBoth"
	if err := other.Check(valid); err == nil || errors.Is(err, vfs.ErrVersion) {
		t.Errorf("a file with another magic: %v", err)
	}
	later := format
	later.Version = 2
	if err := format.Check(later.Seal(later.New())); !errors.Is(err, vfs.ErrVersion) {
		t.Errorf("a file of a later version: %v", err)
	}
}
