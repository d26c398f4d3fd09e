package interop_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
)

// importedEvents is the number of events in the released server, appended in
// requests of appendedAtOnce.
const (
	importedEvents = 200_000
	appendedAtOnce = 1000
)

// TestImportFromReleasedServer imports the store of the released server, kills the
// import twice, and compares the complete result.
func TestImportFromReleasedServer(t *testing.T) {
	program, url, c := setUpImport(t)
	started := time.Now()
	fillReleased(t, c)
	t.Logf("filled in %v", time.Since(started))

	copied := filepath.Join(t.TempDir(), "copy")
	names := []string{"--tracking-source", "upstream", "--tracking-source", "heartbeat", "--tracking-source", "unknown"}
	importing := append([]string{"import", "--from", url, "--db-path", copied}, names...)
	for _, bytes := range []int64{4 << 20, 12 << 20} {
		killAt(t, exec.Command(program, importing...), copied, bytes)
	}
	started = time.Now()
	output, err := exec.Command(program, importing...).CombinedOutput()
	if err != nil {
		t.Fatalf("import: %v\n%s", err, output)
	}
	t.Logf("imported in %v: %s", time.Since(started), output)

	fromCopy, fromSource := filepath.Join(t.TempDir(), "copy.ndjson"), filepath.Join(t.TempDir(), "source.ndjson")
	mustRun(t, program, "export", "--db-path", copied, "--output", fromCopy)
	mustRun(t, program, append([]string{"export", "--url", url, "--output", fromSource}, names...)...)
	compareFiles(t, fromCopy, fromSource)
	compareExport(t, fromCopy, c)
	mustRun(t, program, "check", "--db-path", copied)
}

// setUpImport returns our program, the URL of a new released server, and a client
// that is connected to it.
func setUpImport(t *testing.T) (program, url string, c *client.Client) {
	t.Helper()
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	url = startReleased(t, channels[0]).url
	c, err = client.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return program, url, c
}

// fillReleased appends events of all kinds, some with tracking, and tracking-only
// records.
func fillReleased(t *testing.T, c *client.Client) {
	t.Helper()
	for n := 0; n < importedEvents; n += appendedAtOnce {
		events := make([]dcb.Event, appendedAtOnce)
		for i := range events {
			events[i] = releasedEvent(n + i)
		}
		round := uint64(n/appendedAtOnce) + 1
		var tracking *dcb.TrackingInfo
		if round%3 == 0 {
			tracking = &dcb.TrackingInfo{Source: "upstream", Position: 10 * round}
		}
		if _, err := c.Append(t.Context(), events, nil, tracking); err != nil {
			t.Fatal(err)
		}
		if round%50 == 0 {
			if _, err := c.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: "heartbeat", Position: round}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// releasedEvent returns an event of one of several forms.
func releasedEvent(n int) dcb.Event {
	event := dcb.Event{Type: fmt.Sprint("Type", n%11), Tags: []string{fmt.Sprint("n:", n), fmt.Sprint("group:", n/100)}}
	switch n % 5 {
	case 0:
		event.Data = fmt.Appendf(nil, `{"n":%d,"text":"%0150d"}`, n, n)
		event.UUID = fmt.Sprintf("00000000-0000-4000-8000-%012x", n)
	case 1:
		event.Data = fmt.Appendf(nil, "text\nof \"%0150d\" \x1b[31m", n)
		event.Metadata = []dcb.Metadata{{Key: "correlation", Value: fmt.Sprint(n)}}
	case 2:
		event.Data = append(bytes.Repeat([]byte{0xff, 0}, 80), byte(n))
		event.UUID = fmt.Sprintf("00000000-0000-4000-9000-%012x", n)
		event.Metadata = []dcb.Metadata{{Key: "z", Value: "1"}, {Key: "a", Value: ""}, {Key: "ü", Value: "\u2028"}}
	case 3:
		event.Tags = append(event.Tags, "", "ü", event.Tags[0])
	case 4:
		event.Type, event.Tags = "", nil
	}
	return event
}

// killAt runs an import and kills it when the log contains data at this offset.
func killAt(t *testing.T, cmd *exec.Cmd, dir string, bytes int64) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "log", "00000000000000000001.log")
	for deadline := time.Now().Add(60 * time.Second); !hasAt(log, bytes); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("no data at offset %d of the log", bytes)
			break
		}
	}
	cmd.Process.Kill()
	if err := cmd.Wait(); err == nil {
		t.Error("the import ended before it was killed")
	}
}

// hasAt reports whether a file has a byte other than zero at an offset or shortly
// after it.
func hasAt(name string, offset int64) bool {
	file, err := os.Open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	piece := make([]byte, 64)
	n, _ := file.ReadAt(piece, offset)
	return len(bytes.Trim(piece[:n], "\x00")) > 0
}

func mustRun(t *testing.T, program string, args ...string) {
	t.Helper()
	if output, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, output)
	}
}

// timesInExport are the times of events, and the checksum of all lines. An export of the released server has no times.
var timesInExport = regexp.MustCompile(`"recorded_at":"[^"]*",|"crc32c":"[^"]*"`)

// compareFiles checks that two exports have the same content, but for times.
func compareFiles(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	x, y = timesInExport.ReplaceAll(x, nil), timesInExport.ReplaceAll(y, nil)
	if !bytes.Equal(x, y) {
		t.Errorf("the export of the copy (%d bytes) differs from the export of the server (%d bytes)", len(x), len(y))
	}
}

// exported is a line of an export.
type exported struct {
	Position uint64
	Type     string
	Tags     []string
	UUID     string
	Metadata map[string]string
	Tracking *dcb.TrackingInfo
	Data     json.RawMessage
	Base64   string `json:"data_base64"`
	End      *struct{ Head uint64 }
}

// compareExport compares each line of an export with the response of the server.
func compareExport(t *testing.T, name string, c *client.Client) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := json.NewDecoder(bufio.NewReader(file))
	read := c.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{})
	defer read.Close()
	count := 0
	for want, err := range read.All() {
		if err != nil {
			t.Fatal(err)
		}
		var line exported
		if err := lines.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if got := line.event(t); !reflect.DeepEqual(got, toComparable(&want)) {
			t.Fatalf("the export contains\n%+v\nand the server\n%+v", got, toComparable(&want))
		}
		count++
	}
	if count != importedEvents {
		t.Errorf("the server has %d events", count)
	}
	var trackingOnly, end, more exported
	if err := errors.Join(lines.Decode(&trackingOnly), lines.Decode(&end)); err != nil {
		t.Fatal(err)
	}
	position, _, err := c.GetTrackingInfo(t.Context(), "heartbeat")
	if err != nil || trackingOnly.Tracking == nil || trackingOnly.Tracking.Source != "heartbeat" || trackingOnly.Tracking.Position != position {
		t.Errorf("tracking-only record is %+v; heartbeat is at %d on the server (%v)", trackingOnly.Tracking, position, err)
	}
	if end.End == nil || end.End.Head != importedEvents {
		t.Errorf("end line is %+v", end.End)
	}
	if err := lines.Decode(&more); !errors.Is(err, io.EOF) {
		t.Errorf("after the end line there is %+v, %v", more, err)
	}
}

// comparableEvent is an event in a form that reflect.DeepEqual can compare.
type comparableEvent struct {
	Position uint64
	Type     string
	Tags     string
	Data     string
	UUID     string
	Metadata map[string]string
	Tracking dcb.TrackingInfo
}

func toComparable(e *dcb.SequencedEvent) comparableEvent {
	m := comparableEvent{e.Position, e.Event.Type, fmt.Sprintf("%q", e.Event.Tags), string(e.Event.Data), e.Event.UUID, map[string]string{}, dcb.TrackingInfo{}}
	for _, entry := range e.Event.Metadata {
		m.Metadata[entry.Key] = entry.Value
	}
	if e.Tracking != nil {
		m.Tracking = *e.Tracking
	}
	return m
}

func (l *exported) event(t *testing.T) comparableEvent {
	t.Helper()
	m := comparableEvent{l.Position, l.Type, fmt.Sprintf("%q", l.Tags), string(l.Data), l.UUID, map[string]string{}, dcb.TrackingInfo{}}
	if l.Metadata != nil {
		m.Metadata = l.Metadata
	}
	if l.Tracking != nil {
		m.Tracking = *l.Tracking
	}
	if len(l.Data) > 0 && l.Data[0] == '"' {
		if err := json.Unmarshal(l.Data, &m.Data); err != nil {
			t.Fatal(err)
		}
	}
	if l.Base64 != "" {
		data, err := base64.StdEncoding.DecodeString(l.Base64)
		if err != nil {
			t.Fatal(err)
		}
		m.Data = string(data)
	}
	return m
}
