package wire

import (
	"errors"
	"math"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

func TestPositionsInMetadata(t *testing.T) {
	for _, position := range []uint64{0, 1, 42, math.MaxUint64} {
		if parsed, err := ParseMinPosition(FormatPosition(position)); parsed != position || err != nil {
			t.Errorf("%d is parsed as %d, %v", position, parsed, err)
		}
	}
	for _, value := range []string{"", "-1", "+1", " 1", "1 ", "0x1", "1_0", "1.0", "one", "18446744073709551616"} {
		if _, err := ParseMinPosition(value); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%q: %v, want an invalid argument", value, err)
		}
	}
}
