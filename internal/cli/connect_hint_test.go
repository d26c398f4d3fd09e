package cli

import (
	"strings"
	"testing"
)

func TestHintsForServersThatCannotBeReached(t *testing.T) {
	for message, want := range map[string]string{
		"transport error: no connection to db:50051: connection refused":           "is a server running there? start one",
		"transport error: no connection to db:50051 within 5s: connection refused": "is a server running there? start one",
		"transport error: no connection to db:50051: the server does not respond":  "the server hangs or its machine is down",
		"transport error: no connection to db:50051 within 5s":                     "the server hangs or its machine is down",
	} {
		if got := new(auth).hint(message, "start one"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: the hint is %q, want %q", message, got, want)
		}
	}
}
