package wire

import (
	"fmt"
	"strings"

	"github.com/umadb-go/umadb/dcb"
)

// CheckAPIKey returns a dcb.ErrInvalidArgument for an API key that cannot be sent
// in a header unchanged. The error does not contain the key. An empty key is valid
// and means that there is none.
func CheckAPIKey(key string) error {
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return badKey(fmt.Sprintf("byte %d is not printable ASCII", i+1))
		}
	}
	if strings.Trim(key, " ") != key {
		return badKey("it starts or ends with a space")
	}
	return nil
}

func badKey(reason string) error {
	return &dcb.Error{
		Kind:   dcb.ErrInvalidArgument,
		Detail: "the API key cannot be sent: " + reason + "; choose a key of letters, digits and punctuation, without a line end",
	}
}
