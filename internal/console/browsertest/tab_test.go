package browsertest_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
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
	// pending are the requests in progress, by their identifiers.
	pending map[network.RequestID]request
	// document is the status code of the page.
	document int64
	// accepted reports whether a problem is expected. It may be nil.
	accepted func(problem string) bool
}

// request is a request in progress.
type request struct {
	url    string
	loader cdp.LoaderID // of the document that sent it
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
		if e.Type == network.ResourceTypeOther {
			return // an icon, of which the end is not always reported
		}
		b.pending[e.RequestID] = request{e.Request.URL, e.LoaderID}
	case *page.EventFrameNavigated:
		if e.Frame.ParentID == "" {
			// Requests of the page before this one end without an event.
			maps.DeleteFunc(b.pending, func(_ network.RequestID, r request) bool { return r.loader != e.Frame.LoaderID })
		}
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument {
			b.document = e.Response.Status
		}
		if e.Response.Status >= 400 {
			b.report("status %d: %s", e.Response.Status, e.Response.URL)
		}
		if slices.Contains([]string{"text/event-stream", "application/x-ndjson"}, e.Response.MimeType) {
			delete(b.pending, e.RequestID) // it lasts as long as the page
		}
	case *network.EventLoadingFinished:
		delete(b.pending, e.RequestID)
	case *network.EventLoadingFailed:
		if !e.Canceled {
			b.report("request of %s failed: %s", b.pending[e.RequestID].url, e.ErrorText)
		}
		delete(b.pending, e.RequestID)
	}
}

// report adds a problem. b.mu must be locked.
func (b *tab) report(format string, args ...any) {
	if problem := fmt.Sprintf(format, args...); b.accepted == nil || !b.accepted(problem) {
		b.problems = append(b.problems, problem)
	}
}

// try runs a step, for at most stepTimeout.
func try[T any](b *tab, step chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	return chromedp.Run(ctx, step)
}

// must runs a step that must succeed within stepTimeout, and returns its result.
func must[T any](b *tab, step chromedp.Action[T]) T {
	b.t.Helper()
	result, err := try(b, step)
	if err != nil {
		b.t.Fatalf("%v; the browser reported %q", err, b.takeProblems())
	}
	return result
}

// do runs steps, and then waits until the page has loaded what it loads.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	must(b, chromedp.Steps(steps...))
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
	must(b, chromedp.WaitEvent(page.LoadEventFired, nil, step))
	b.settle()
}

// settle waits until no request is in progress and the browser has drawn the page twice since.
func (b *tab) settle() {
	b.t.Helper()
	deadline := time.Now().Add(stepTimeout)
	for ended := false; ; {
		eval[bool](b, `new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))`)
		waiting := b.waiting()
		if len(waiting) == 0 && ended {
			return
		}
		ended = len(waiting) == 0
		if time.Now().After(deadline) {
			b.t.Fatalf("requests do not end: %q", waiting)
		}
	}
}

// waiting returns the URLs of requests in progress.
func (b *tab) waiting() (urls []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.pending {
		urls = append(urls, r.url)
	}
	return urls
}

// eval returns the value of a script, which may be a promise.
func eval[T any](b *tab, script string) T {
	b.t.Helper()
	value, err := try(b, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		at, _ := try(b, chromedp.Location())
		b.t.Fatalf("%s: %v in %.200s", at, err, script)
	}
	return value
}

// await waits until a script returns true.
func (b *tab) await(script string) {
	b.t.Helper()
	if _, err := try(b, chromedp.Poll[chromedp.Void](script, chromedp.WithPollingTimeout(0))); err != nil {
		b.t.Fatalf("%v; waiting for %s; the browser reported %q", err, script, b.takeProblems())
	}
}

// show selects the size of the screen and the scheme of colors, "light" or "dark".
func (b *tab) show(width, height int64, scheme string) {
	b.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	must(b, func(ctx context.Context, t *chromedp.Target) (any, error) {
		return cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
	})
	b.do(chromedp.EmulateViewport(width, height))
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

// A request that a page sends after the next page was requested ends with its page.
func TestRequestsEndWithTheirPage(t *testing.T) {
	b := &tab{t: t, pending: map[network.RequestID]request{}}
	send := func(id network.RequestID, loader cdp.LoaderID, kind network.ResourceType) {
		b.observe(&network.EventRequestWillBeSent{RequestID: id, LoaderID: loader, Type: kind, Request: &network.Request{URL: string(id)}})
	}
	send("next page", "next", network.ResourceTypeDocument)
	send("poll", "first", network.ResourceTypeFetch)
	b.observe(&page.EventFrameNavigated{Frame: &cdp.Frame{ParentID: "main", LoaderID: "frame"}})
	if waiting := b.waiting(); len(waiting) != 2 {
		t.Errorf("before the next page, the requests in progress are %q", waiting)
	}
	b.observe(&page.EventFrameNavigated{Frame: &cdp.Frame{LoaderID: "next"}})
	if waiting := b.waiting(); !slices.Equal(waiting, []string{"next page"}) {
		t.Errorf("after the next page was opened, the requests in progress are %q", waiting)
	}
}
