package wire

import (
	"fmt"
	"strings"

	"github.com/umadb-go/umadb/dcb"
)

// CheckAPIKey fails with dcb.ErrInvalidArgument for an API key that cannot travel
// in a header as it is. The error does not tell the key. No key, which is empty,
// passes.
func CheckAPIKey(key string) error {
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return badKey(fmt.Sprintf("its byte %d is no printable ASCII character", i+1))
		}
	}
	if strings.Trim(key, " ") != key {
		return badKey("it begins or ends with a space")
	}
	return nil
}

func badKey(reason string) error {
	return &dcb.Error{
		Kind:   dcb.ErrInvalidArgument,
		Detail: "the API key cannot be sent: " + reason + "; choose a key of letters, digits and punctuation, without a line end",
	}
}
