package browsertest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a tab of the browser. It collects what the browser reports as a problem.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu sync.Mutex
	// problems are errors of scripts, violations of the content security policy, and requests that
	// failed.
	problems []string
	// pending are the URLs of requests in progress, by their identifiers.
	pending map[string]string
	// document is the status code of the page.
	document int64
	// accepted reports whether a problem is expected. It may be nil.
	accepted func(problem string) bool
}

// observe collects problems. It is called for each event of the tab, in order.
func (b *tab) observe(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var text []string
			for _, argument := range e.Args {
				text = append(text, string(argument.Value)+argument.Description)
			}
			b.report("console: %s", strings.Join(text, " "))
		}
	case *runtime.EventExceptionThrown:
		b.report("exception: %v", e.ExceptionDetails)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.report("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *page.EventJavascriptDialogOpening:
		b.report("dialog: %s", e.Message)
	case *network.EventRequestWillBeSent:
		switch e.Type {
		case network.ResourceTypeDocument:
			clear(b.pending) // requests of the page before this one end without an event
		case network.ResourceTypeOther:
			return // an icon, of which the end is not always reported
		}
		b.pending[string(e.RequestID)] = e.Request.URL
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument {
			b.document = e.Response.Status
		}
		if e.Response.Status >= 400 {
			b.report("status %d: %s", e.Response.Status, e.Response.URL)
		}
		if slices.Contains([]string{"text/event-stream", "application/x-ndjson"}, e.Response.MimeType) {
			delete(b.pending, string(e.RequestID)) // it lasts as long as the page
		}
	case *network.EventLoadingFinished:
		delete(b.pending, string(e.RequestID))
	case *network.EventLoadingFailed:
		if !e.Canceled {
			b.report("request of %s failed: %s", b.pending[string(e.RequestID)], e.ErrorText)
		}
		delete(b.pending, string(e.RequestID))
	}
}

// report adds a problem. b.mu must be locked.
func (b *tab) report(format string, args ...any) {
	if problem := fmt.Sprintf(format, args...); b.accepted == nil || !b.accepted(problem) {
		b.problems = append(b.problems, problem)
	}
}

// do runs steps, and then waits until the page has loaded what it loads.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v; the browser reported %q", err, b.takeProblems())
	}
	b.settle()
}

// open opens a URL.
func (b *tab) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// follow runs a step that leads to another page, and waits until that has loaded.
func (b *tab) follow(step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.WaitEvent(page.LoadEventFired, nil, step)); err != nil {
		b.t.Fatalf("%v; the browser reported %q", err, b.takeProblems())
	}
	b.settle()
}

// settle waits until no request is in progress and the browser has drawn the page twice since.
func (b *tab) settle() {
	b.t.Helper()
	deadline := time.Now().Add(stepTimeout)
	for {
		eval[bool](b, `new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))`)
		b.mu.Lock()
		waiting := fmt.Sprint(b.pending)
		settled := len(b.pending) == 0
		b.mu.Unlock()
		if settled {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("requests do not end: %s", waiting)
		}
	}
}

// eval returns the value of a script, which may be a promise.
func eval[T any](b *tab, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		at, _ := chromedp.Run(b.ctx, chromedp.Location())
		b.t.Fatalf("%s: %v in %.200s", at, err, script)
	}
	return value
}

// await waits until a script returns true.
func (b *tab) await(script string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[chromedp.Void](script, chromedp.WithPollingTimeout(0))); err != nil {
		b.t.Fatalf("%v; waiting for %s; the browser reported %q", err, script, b.takeProblems())
	}
}

// resize changes the size of the screen.
func (b *tab) resize(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

// colors selects the scheme of colors, "light" or "dark".
func (b *tab) colors(scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.settle()
}

// status returns the status code of the page.
func (b *tab) status() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.document
}

// takeProblems returns the problems since the last call.
func (b *tab) takeProblems() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	problems := b.problems
	b.problems = nil
	return problems
}

// mustBeFine fails the test if the browser has reported a problem.
func (b *tab) mustBeFine() {
	b.t.Helper()
	for _, problem := range b.takeProblems() {
		b.t.Errorf("%s: %s", eval[string](b, "location.href"), problem)
	}
}
