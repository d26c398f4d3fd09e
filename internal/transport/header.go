package transport

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/headerblock"
)

// Header is the headers of a call. It must not be changed.
type Header struct {
	Method string // the path, for example "/umadb.v1.DCB/Append"
	// Timeout is how long the client waits, or 0 if it does not say.
	Timeout time.Duration

	fields  []hpack.HeaderField // all other fields
	inline  bool                // the method may be offered to Handler.Begin
	refusal *refusal            // why the call is refused, or nil
}

// isRequest reports whether fields that could be read are those of a call, and not trailers.
// h may be nil.
func (h *Header) isRequest() bool { return h != nil && h.Method != "" }

// refusal is the answer to headers that are not those of a gRPC call.
type refusal struct {
	http   int
	status *status.Status
}

// Get returns the first value of a field of text, or "".
func (h *Header) Get(name string) string {
	for i := range h.fields {
		if h.fields[i].Name == name {
			return h.fields[i].Value
		}
	}
	return ""
}

// Fields calls visit with the names and values of all fields.
func (h *Header) Fields(visit func(name, value string)) {
	for i := range h.fields {
		visit(h.fields[i].Name, h.fields[i].Value)
	}
}

// binarySuffix ends the names of fields whose values are bytes, which are encoded.
const binarySuffix = "-bin"

func encodeBinary(value string) string { return base64.RawStdEncoding.EncodeToString([]byte(value)) }

// headerReader decodes the headers of calls.
type headerReader struct {
	headerblock.Reader[*Header]
	ended bool // the block is the end of its stream
}

func (r *headerReader) init(o *Options) {
	r.Init(o.HeaderBytes, func(fields []hpack.HeaderField, tooLarge bool) (h *Header, repeats bool, err error) {
		h = new(Header)
		if tooLarge {
			h.refuse(http.StatusRequestHeaderFieldsTooLarge, codes.ResourceExhausted, "the headers of the call are larger than %d bytes", o.HeaderBytes)
			return h, false, nil
		}
		if err := h.parse(fields); err != nil {
			return nil, false, err
		}
		repeats = h.refusal == nil
		h.inline = repeats && o.Inline(h.Method)
		return h, repeats, nil
	})
}

// errMalformed is the error of headers that are not valid in HTTP/2.
var errMalformed = errors.New("malformed headers")

// parse sets the header from decoded fields. It fails with errMalformed if they are not
// valid in HTTP/2 (RFC 9113, section 8.2).
func (h *Header) parse(fields []hpack.HeaderField) error {
	var pseudo pseudoFields
	var contentType string
	h.fields = make([]hpack.HeaderField, 0, len(fields))
	for i, f := range fields {
		if strings.HasPrefix(f.Name, ":") {
			if i != pseudo.count || !pseudo.set(f) {
				return errMalformed
			}
			continue
		}
		switch f.Name {
		case "content-type":
			contentType = f.Value
		case "grpc-encoding":
			if f.Value != "identity" {
				h.refuse(http.StatusOK, codes.Unimplemented, "compression %.40q is not supported", f.Value)
			}
		case "grpc-timeout":
			timeout, err := parseTimeout(f.Value)
			if err != nil {
				h.refuse(http.StatusBadRequest, codes.Internal, "malformed grpc-timeout: %v", err)
			}
			h.Timeout = timeout
			continue
		case "te":
			if f.Value != "trailers" {
				return errMalformed
			}
			continue
		case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
			return errMalformed
		}
		if !isFieldName(f.Name) || !httpguts.ValidHeaderFieldValue(f.Value) {
			return errMalformed
		}
		h.fields = append(h.fields, f)
	}
	if pseudo.method == "" || pseudo.scheme == "" || pseudo.path == "" {
		return errMalformed
	}
	h.Method = pseudo.path
	if pseudo.authority != "" {
		h.fields = append(h.fields, hpack.HeaderField{Name: ":authority", Value: pseudo.authority})
	}
	switch {
	case pseudo.method != http.MethodPost:
		h.refuse(http.StatusMethodNotAllowed, codes.Internal, "the HTTP method is %.20q and not POST", pseudo.method)
	case !isGRPC(contentType):
		h.refuse(http.StatusUnsupportedMediaType, codes.InvalidArgument, "invalid gRPC request content-type %.100q", contentType)
	}
	return nil
}

// pseudoFields are the values of the fields with a name that starts with a colon.
type pseudoFields struct {
	method, scheme, path, authority string
	count                           int
}

// set sets the value of a field. It reports false if the field is unknown or repeats.
func (p *pseudoFields) set(f hpack.HeaderField) bool {
	var value *string
	switch f.Name {
	case ":method":
		value = &p.method
	case ":scheme":
		value = &p.scheme
	case ":path":
		value = &p.path
	case ":authority":
		value = &p.authority
	}
	if value == nil || *value != "" {
		return false
	}
	*value = f.Value
	p.count++
	return true
}

// refuse records the first reason to refuse the call.
func (h *Header) refuse(http int, code codes.Code, format string, args ...any) {
	if h.refusal == nil {
		h.refusal = &refusal{http, status.Newf(code, format, args...)}
	}
}

// isGRPC reports whether a content type is that of gRPC with any encoding.
func isGRPC(contentType string) bool {
	rest, found := strings.CutPrefix(contentType, "application/grpc")
	return found && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// isFieldName reports whether a name of a field is valid in HTTP/2: a token without
// upper-case letters.
func isFieldName(name string) bool {
	return name != "" && httpguts.ValidHeaderFieldName(name) && strings.ToLower(name) == name
}

// timeoutUnits are the units of grpc-timeout.
var timeoutUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second,
	'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// parseTimeout parses the value of grpc-timeout: up to eight digits and a unit. A timeout
// that is 0 is returned as 1 ns.
func parseTimeout(text string) (time.Duration, error) {
	if len(text) < 2 || len(text) > 9 {
		return 0, fmt.Errorf("%.20q is not up to eight digits and a unit", text)
	}
	unit, known := timeoutUnits[text[len(text)-1]]
	if !known {
		return 0, fmt.Errorf("%q has an unknown unit", text)
	}
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number and a unit", text)
	}
	if n > uint64(math.MaxInt64/unit) {
		return math.MaxInt64, nil
	}
	return max(time.Duration(n)*unit, 1), nil
}
