package web

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/umadb-go/umadb/dcb"
)

// LastEventID returns the position that a client sends when it continues a stream of server-sent
// events: the id of the last one that it has received.
func LastEventID(r *http.Request) (position uint64, found bool, err error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		return 0, false, nil
	}
	position, err = strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, false, &dcb.Error{
			Kind:   dcb.ErrInvalidArgument,
			Detail: fmt.Sprintf("the header Last-Event-ID is %q: it must be the id of an event of this stream, which is a position", text),
		}
	}
	return position, true, nil
}
