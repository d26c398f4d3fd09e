package transport_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"pgregory.net/rapid"
)

// step is a random step of a client. What a and b mean depends on what.
type step struct{ what, call, a, b int }

const (
	stepOpen = iota
	stepSend
	stepPadded
	stepReset
	stepWindow
	stepConnWindow
	stepInitialWindow
	stepTableSize
	stepChunk
	stepWait
)

// randomMethods are the methods of random calls.
var randomMethods = []string{inlineEcho, laterEcho, declined, unaryEcho, bidiEcho, inlineGrow, countDown, inlineFail, failing, inlineNever, never}

func drawSteps(t *rapid.T) []step {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			what: rapid.SampledFrom([]int{
				stepOpen, stepOpen, stepSend, stepSend, stepSend, stepPadded, stepReset, stepWindow, stepWindow,
				stepConnWindow, stepInitialWindow, stepTableSize, stepChunk, stepWait,
			}).Draw(t, "what"),
			call: rapid.IntRange(0, 30).Draw(t, "call"),
			a:    rapid.OneOf(rapid.IntRange(0, 10), rapid.IntRange(0, 5000), rapid.IntRange(0, 100000)).Draw(t, "a"),
			b:    rapid.IntRange(0, 255).Draw(t, "b"),
		}
	}), 20, 200).Draw(t, "steps")
}

// failures records what a run of the machine reports.
type failures []string

func (*failures) Helper() {}

func (f *failures) Errorf(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

func (f *failures) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	panic(f)
}

// Whatever a well-formed client does, its calls end with the right answers.
func TestRandomClient(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan := drawSteps(rt)
		var found failures
		synctest.Test(t, func(*testing.T) { runSteps(&found, plan) })
		if len(found) > 0 {
			rt.Fatalf("%s", strings.Join(found, "\n"))
		}
	})
}

func runSteps(found *failures, plan []step) {
	r := serve(found, newPipeListener(), testOptions())
	defer r.stop()
	defer func() {
		if failed := recover(); failed != nil && failed != found {
			panic(failed)
		}
	}()
	m := &machine{running: r, client: r.connect(), initial: 1<<16 - 1, window: 1<<16 - 1}
	for _, s := range plan {
		m.step(s)
		m.check()
	}
	m.finish()
}

// machine is a random client and what it expects.
type machine struct {
	*running
	client  *frameClient
	calls   []*randomCall
	initial int // window of new streams
	window  int // all that was granted for the connection
	sent    int // all that was sent on the connection
	resets  int // since the server was awaited
}

// randomCall is a call of a random client.
type randomCall struct {
	id     uint32
	method string
	rest   []byte // of the request
	want   []byte // all messages of the answer
	status string // "" if the call is not answered
	sends  string // a field of its headers

	sent    int // bytes, with padding
	window  int // what was granted, without the initial window
	most    int // what was ever granted
	isWhole bool
	isReset bool
}

// live returns the calls whose answers have not ended.
func (m *machine) live() (live []*randomCall) {
	m.client.mu.Lock()
	defer m.client.mu.Unlock()
	for _, c := range m.calls {
		if a := m.client.seen.answers[c.id]; !c.isReset && (a == nil || !a.ended) {
			live = append(live, c)
		}
	}
	return live
}

// maySend returns the number of bytes that may be sent on a call and on the connection.
func (m *machine) maySend(c *randomCall) int {
	m.client.mu.Lock()
	defer m.client.mu.Unlock()
	credit := m.client.seen.credit
	return min(64<<10+credit[c.id]-c.sent, 1<<16-1+credit[0]-m.sent, 16<<10)
}

func (m *machine) step(s step) {
	if s.what == stepOpen {
		m.open(randomMethods[s.call%len(randomMethods)], s.a, s.b)
		return
	}
	switch s.what {
	case stepConnWindow:
		m.client.window(0, uint32(s.a)+1)
		m.window += s.a + 1
		return
	case stepInitialWindow:
		m.initial = s.a
		m.client.settings(initialWindow(uint32(s.a)))
		return
	case stepTableSize:
		// The hpack package does not accept that a table is made smaller, but not empty, and
		// then larger.
		m.client.settings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: uint32(s.a % 2 * 4096)})
		m.client.encoder.SetMaxDynamicTableSize(0) // the next fields are added again
		m.client.encoder.SetMaxDynamicTableSize(uint32(min(16*s.b, 4096)))
		return
	case stepChunk:
		m.client.chunk = s.b
		return
	case stepWait:
		time.Sleep(time.Duration(s.b) * time.Millisecond)
		m.settle()
		return
	}
	live := m.live()
	if len(live) == 0 {
		return
	}
	c := live[s.call%len(live)]
	switch s.what {
	case stepSend:
		m.send(c, s.a, -1)
	case stepPadded:
		m.send(c, s.a, s.b)
	case stepReset:
		m.client.reset(c.id)
		c.isReset = true
		m.resets++
	case stepWindow:
		m.client.window(c.id, uint32(s.a)+1)
		c.window += s.a + 1
	}
}

func (m *machine) settle() {
	synctest.Wait()
	m.resets = 0
}

// open starts a call. The headers end the request of some calls without one.
func (m *machine) open(method string, size, variant int) {
	if len(m.live())+m.resets >= int(m.options.MaxStreams) {
		return
	}
	c := &randomCall{method: method, status: "0"}
	switch method {
	case inlineGrow:
		c.rest, c.want = message(fmt.Append(nil, size)), message(content(size))
	case countDown:
		n := variant % 4
		c.rest, c.want = message(fmt.Append(nil, n, size)), bytes.Repeat(message(content(size)), n)
	case bidiEcho:
		c.rest = bytes.Repeat(message(content(size)), variant%4)
		c.want = c.rest
	case inlineFail, failing:
		c.rest, c.status = message(content(size%1000)), "9"
	case inlineNever, never:
		c.rest, c.status = message(content(size%1000)), ""
	default:
		c.rest = message(content(size))
		c.want = c.rest
	}
	c.sends = fmt.Sprint(variant / 64)
	c.isWhole = len(c.rest) == 0 && variant%2 == 0
	c.id = m.client.open(c.isWhole, callFields(method, "send", c.sends)...)
	m.calls = append(m.calls, c)
}

// send sends the next n bytes of a request, or what the windows allow, and ends the request
// if that is all. padding is -1 for none. It reports whether anything was sent.
func (m *machine) send(c *randomCall, n, padding int) bool {
	may := m.maySend(c) - 1 - max(padding, 0)
	if c.isWhole || may < 0 {
		return false
	}
	n = min(n, len(c.rest), may)
	last := n == len(c.rest)
	c.sent += n
	m.sent += n
	if padding >= 0 {
		m.client.padded(c.id, last, c.rest[:n], padding)
		c.sent += padding + 1
		m.sent += padding + 1
	} else {
		m.client.data(c.id, last, c.rest[:n])
	}
	c.rest, c.isWhole = c.rest[n:], last
	return true
}

// check checks that the server keeps to the windows.
func (m *machine) check() {
	total := 0
	m.client.mu.Lock()
	defer m.client.mu.Unlock()
	for _, c := range m.calls {
		c.most = max(c.most, m.initial+c.window)
		if a := m.client.seen.answers[c.id]; a != nil {
			total += len(a.data)
			if len(a.data) > c.most {
				m.t.Errorf("%s: %d bytes with a window of %d", c.method, len(a.data), c.most)
			}
		}
	}
	if total > m.window {
		m.t.Errorf("%d bytes with a window of %d", total, m.window)
	}
}

// finish grants windows, sends what was not sent, and checks all answers.
func (m *machine) finish() {
	m.step(step{what: stepInitialWindow, a: 1 << 30})
	m.step(step{what: stepConnWindow, a: 1 << 30})
	for _, c := range m.live() {
		for !c.isWhole {
			if m.send(c, 16<<10, -1) {
				continue
			}
			m.settle()
			if a := m.client.answer(c.id); a.ended {
				break
			}
			if !m.send(c, 16<<10, -1) {
				m.t.Fatalf("%s: the window stays closed, %d bytes are left", c.method, len(c.rest))
			}
		}
	}
	m.settle()
	for _, c := range m.calls {
		a := m.client.answer(c.id)
		switch {
		case c.isReset:
		case c.status == "" && !a.ended && a.reset == "":
			m.client.reset(c.id)
		case c.method == unaryEcho && !slices.Equal(a.header["got"], []string{c.sends}):
			m.t.Errorf("%s: want the field %q: %s", c.method, c.sends, a)
		case !a.ended || a.field("grpc-status") != c.status || !bytes.Equal(a.data, c.want):
			m.t.Errorf("%s: want status %q and %d bytes: %s", c.method, c.status, len(c.want), a)
		}
	}
	m.check()
	m.settled()
	if r := m.client.received(); r.closed || len(r.goAways) > 0 {
		m.t.Errorf("closed %v, GOAWAY %q", r.closed, r.goAways)
	}
}
