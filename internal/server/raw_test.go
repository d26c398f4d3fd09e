package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// rawClient is an HTTP/2 client without gRPC. It returns what was sent on the wire, and
// can send what no gRPC library would.
type rawClient struct {
	address string
	http    http.Client
}

func (r *running) raw(t *testing.T) *rawClient {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &rawClient{address: r.address, http: http.Client{Transport: transport, Timeout: patience}}
}

// rawResponse is the end of a call.
type rawResponse struct {
	code    codes.Code
	message string
	details []byte // of grpc-status-details-bin, unchanged
	body    []byte
	trailer http.Header
}

// post makes a call with a body of any bytes. headers are pairs.
func (c *rawClient) post(t *testing.T, method string, body io.Reader, headers ...string) rawResponse {
	t.Helper()
	request, err := newRequest(c, method, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer := rawResponse{}
	if answer.body, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	trailer := response.Trailer
	if trailer.Get("Grpc-Status") == "" {
		trailer = response.Header // a call that fails at once has only headers
	}
	answer.trailer = trailer
	code, err := strconv.Atoi(trailer.Get("Grpc-Status"))
	if err != nil {
		t.Fatalf("grpc-status is %q", trailer.Get("Grpc-Status"))
	}
	answer.code, answer.message = codes.Code(code), trailer.Get("Grpc-Message")
	if answer.details, err = base64.RawStdEncoding.DecodeString(trailer.Get("Grpc-Status-Details-Bin")); err != nil {
		t.Fatal(err)
	}
	return answer
}

// newRequest returns a call as an existing client makes it.
func newRequest(c *rawClient, method string, body io.Reader) (*http.Request, error) {
	request, err := http.NewRequest(http.MethodPost, "http://"+c.address+method, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	request.Header.Set("User-Agent", "tonic/0.12.3")
	return request, nil
}

// framed returns a message with the header of gRPC.
func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// request returns a body with one message.
func request(t *testing.T, message proto.Message) io.Reader {
	t.Helper()
	encoded, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(framed(encoded))
}
