package transport_test

import (
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// h2spec is the conformance test for HTTP/2 servers.
const h2spec = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"

// notPassed are the cases of h2spec that do not pass, and why. Its requests are not those of
// gRPC: they are refused with 415 as soon as their headers have arrived.
var notPassed = map[string]string{
	"generic/2: Sends a WINDOW_UPDATE frame on half-closed (remote) stream":                                                                                 "the refusal has no DATA frame",
	"generic/2: Sends a PRIORITY frame on half-closed (remote) stream":                                                                                      "the refusal has no DATA frame",
	"http2/5.1.2: Sends HEADERS frames that causes their advertised concurrent stream limit to be exceeded":                                                 "refused calls are not in progress",
	"http2/6.9.1: Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream":                                       "the call has ended before",
	"http2/8.1: Sends a second HEADERS frame without the END_STREAM flag":                                                                                   "the call has ended before; the error is STREAM_CLOSED",
	"http2/8.1.2.1: Sends a HEADERS frame that contains a pseudo-header field as trailers":                                                                  "the call has ended before; the error is STREAM_CLOSED",
	"http2/8.1.2.6: Sends a HEADERS frame with the \"content-length\" header field which does not equal the DATA frame payload length":                      "gRPC has a length of its own, content-length is ignored",
	"http2/8.1.2.6: Sends a HEADERS frame with the \"content-length\" header field which does not equal the sum of the multiple DATA frames payload length": "gRPC has a length of its own, content-length is ignored",
}

// report is a JUnit report of h2spec.
type report struct {
	Suites []struct {
		Cases []struct {
			Package string    `xml:"package,attr"`
			Name    string    `xml:"classname,attr"`
			Failure *struct{} `xml:"failure"`
			Error   *struct{} `xml:"error"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func TestH2Spec(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: waits for answers that do not arrive")
	}
	r := start(t)
	// On a busy machine an answer may take longer than the timeout. A case that is not as expected
	// is run again, with the others, with a longer one.
	mistakes, output := r.h2spec(t, "2")
	if len(mistakes) > 0 {
		mistakes, output = r.h2spec(t, "6")
	}
	for _, mistake := range mistakes {
		t.Error(mistake)
	}
	if t.Failed() {
		_, failures, _ := strings.Cut(output, "Failures:")
		t.Log(failures)
	}
}

// h2spec runs h2spec, with a timeout in seconds for each answer, and returns what is not as expected.
func (r *running) h2spec(t *testing.T, timeout string) (mistakes []string, output string) {
	t.Helper()
	host, port, err := net.SplitHostPort(r.address)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.xml")
	command := exec.CommandContext(t.Context(), "go", "run", h2spec, "-h", host, "-p", port, "-P", inlineEcho, "-o", timeout, "-j", file)
	printed, failed := command.CombinedOutput() // fails if a case does not pass
	content, err := os.ReadFile(file)
	if err != nil {
		skipOrFail(t, "h2spec cannot be run: %v\n%s", failed, printed)
	}
	var got report
	if err := xml.Unmarshal(content, &got); err != nil {
		t.Fatal(err)
	}
	cases, found := 0, make(map[string]bool)
	for _, suite := range got.Suites {
		for _, c := range suite.Cases {
			cases++
			name := c.Package + ": " + c.Name
			if c.Failure == nil && c.Error == nil {
				continue
			}
			found[name] = true
			if notPassed[name] == "" {
				mistakes = append(mistakes, "does not pass: "+name)
			}
		}
	}
	for name := range notPassed {
		if !found[name] {
			mistakes = append(mistakes, "passes now: "+name)
		}
	}
	if cases != 145 {
		mistakes = append(mistakes, fmt.Sprintf("h2spec has run %d cases:\n%s", cases, printed))
	}
	return mistakes, string(printed)
}
