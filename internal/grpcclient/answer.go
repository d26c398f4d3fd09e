package grpcclient

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
)

// answer is a decoded header block: headers, trailers, or both in one. It must not be changed.
type answer struct {
	status      int // of HTTP, or 0
	contentType string
	hasCode     bool // there is a grpc-status
	code        codes.Code
	message     string
	details     []byte
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

const (
	// maxRecognised is the number of header blocks that are recognised.
	maxRecognised = 4
	// maxEmptyFragments is the number of CONTINUATION frames without content that are
	// accepted for one header block.
	maxEmptyFragments = 4
	// fieldOverhead is added to the size of each field (RFC 9113, section 6.5.2).
	fieldOverhead = 32
)

// answerReader decodes header blocks. A server that repeats its headers sends them as a few
// bytes that refer to a table. Such a block is recognised without decoding it, as long as
// the table has not changed.
type answerReader struct {
	decoder *hpack.Decoder
	most    int // size of the fields

	fragments []byte // of a block in several frames
	empty     int    // number of empty frames among them
	ended     bool   // the block is the end of its stream

	fields     []hpack.HeaderField
	size       int // of fields
	recognised []recognised
}

// recognised is a header block that only refers to the table.
type recognised struct {
	block  []byte
	answer *answer
}

func (r *answerReader) init(most uint32) {
	r.most = int(most)
	r.decoder = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if r.size += len(f.Name) + len(f.Value) + fieldOverhead; r.size <= r.most {
			r.fields = append(r.fields, f)
		}
	})
	r.decoder.SetMaxStringLength(r.most)
}

// add adds a fragment of a header block. It fails if the block is too large.
func (r *answerReader) add(fragment []byte) error {
	if len(fragment) == 0 {
		r.empty++
	}
	if len(r.fragments)+len(fragment) > r.most || r.empty > maxEmptyFragments {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	r.fragments = append(r.fragments, fragment...)
	return nil
}

// read decodes a whole header block: the fragments, and last.
func (r *answerReader) read(last []byte) (*answer, error) {
	block := last
	if len(r.fragments) > 0 || r.empty > 0 {
		if err := r.add(last); err != nil {
			return nil, err
		}
		block = r.fragments
		defer func() { r.fragments, r.empty = nil, 0 }()
	}
	if !refersOnly(block) {
		r.recognised = r.recognised[:0] // the table may change
		return r.decode(block)
	}
	for i := range r.recognised {
		if string(r.recognised[i].block) == string(block) {
			return r.recognised[i].answer, nil
		}
	}
	a, err := r.decode(block)
	if err == nil && len(r.recognised) < maxRecognised {
		r.recognised = append(r.recognised, recognised{append([]byte(nil), block...), a})
	}
	return a, err
}

func (r *answerReader) decode(block []byte) (*answer, error) {
	r.fields, r.size = r.fields[:0], 0
	if _, err := r.decoder.Write(block); err != nil {
		return nil, http2.ConnectionError(http2.ErrCodeCompression)
	}
	if err := r.decoder.Close(); err != nil {
		return nil, http2.ConnectionError(http2.ErrCodeCompression)
	}
	a := &answer{tooLarge: r.size > r.most}
	a.parse(r.fields)
	return a, nil
}
