package main

import (
	"math"
	"testing"
)

func TestNumbersAsText(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{thousands(0), "0"},
		{thousands(999.4), "999"},
		{thousands(1000), "1,000"},
		{thousands(1234567.8), "1,234,568"},
		{thousands(-100), "-100"},
		{thousands(math.NaN()), none},
		{significant(123.4), "123"},
		{significant(12.34), "12.3"},
		{significant(1.234), "1.23"},
		{significant(0.1234), "0.123"},
		{significant(math.NaN()), none},
		{times(1.5), "1.50×"},
		{times(math.NaN()), none},
		{mebibytes(3 << 20), "3.00"},
		{plural(1, "event"), "1 event"},
		{plural(2000, "event"), "2,000 events"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
