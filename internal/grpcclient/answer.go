package grpcclient

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/internal/headerblock"
	"github.com/umadb-go/umadb/internal/wire"
)

// answer is a decoded header block: headers, trailers, or both in one. It must not be changed.
type answer struct {
	status      int // of HTTP, or 0
	contentType string
	hasCode     bool // there is a grpc-status
	code        codes.Code
	message     string
	details     []byte
	position    uint64 // that the server had, or 0
	malformed   bool
	tooLarge    bool
}

// isInformational reports whether other headers follow.
func (a *answer) isInformational() bool { return a.status >= 100 && a.status < 200 }

// refusal returns an error if these are not the headers of a gRPC response.
func (a *answer) refusal() *Error {
	switch {
	case a.tooLarge:
		return internal("the headers of the response are too large")
	case a.status != http.StatusOK:
		return httpError(a.status)
	case !isGRPC(a.contentType):
		return &Error{Code: codes.Unknown, Message: fmt.Sprintf("the response has the content type %.100q and not that of gRPC", a.contentType)}
	}
	return nil
}

// outcome returns the error of a call that has ended with these trailers, or nil if it has
// succeeded. hadHeaders is set if headers have arrived before.
func (a *answer) outcome(hadHeaders bool) *Error {
	switch {
	case a.tooLarge:
		return internal("the trailers of the response are too large")
	case !a.hasCode && !hadHeaders:
		if failed := a.refusal(); failed != nil {
			return failed
		}
		return &Error{Code: codes.Unknown, Message: "the response has no status"}
	case !a.hasCode:
		return &Error{Code: codes.Unknown, Message: "the response has no status"}
	case a.code == codes.OK:
		return nil
	}
	return &Error{Code: a.code, Message: a.message, Details: a.details, Answered: true}
}

// isGRPC reports whether a content type is that of gRPC with any encoding.
func isGRPC(contentType string) bool {
	rest, found := strings.CutPrefix(contentType, "application/grpc")
	return found && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// parse sets the answer from decoded fields.
func (a *answer) parse(fields []hpack.HeaderField) {
	for i, f := range fields {
		switch f.Name {
		case ":status":
			n, err := strconv.Atoi(f.Value)
			if a.status = n; err != nil || n < 100 || n > 999 || i > 0 {
				a.malformed = true
			}
		case "content-type":
			a.contentType = f.Value
		case "grpc-status":
			n, err := strconv.ParseUint(f.Value, 10, 31)
			a.hasCode, a.code = true, codes.Code(n)
			if err != nil {
				a.code = codes.Unknown
			}
		case "grpc-message":
			a.message = decodeMessage(f.Value)
		case "grpc-status-details-bin":
			a.details, _ = decodeBinary(f.Value)
		case wire.Position:
			if n, err := strconv.ParseUint(f.Value, 10, 64); err == nil {
				a.position = n
			}
		default:
			if strings.HasPrefix(f.Name, ":") {
				a.malformed = true
			}
		}
	}
}

// decodeBinary decodes the value of a field of bytes, with or without padding.
func decodeBinary(value string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
}

// decodeMessage decodes a status message, in which bytes may be percent-encoded. Malformed
// escapes stay as they are.
func decodeMessage(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if b, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				out.WriteByte(byte(b))
				i += 2
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return strings.ToValidUTF8(out.String(), "\uFFFD")
}

// answerReader decodes answers.
type answerReader struct {
	headerblock.Reader[*answer]
	ended bool // the block is the end of its stream
}

func (r *answerReader) init(most uint32) {
	r.Init(int(most), func(fields []hpack.HeaderField, tooLarge bool) (a *answer, repeats bool, err error) {
		a = &answer{tooLarge: tooLarge}
		a.parse(fields)
		return a, true, nil
	})
}
