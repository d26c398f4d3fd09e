package browsertest_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/umadb-go/umadb/dcb"
)

const positions = `[...document.querySelectorAll(".event .position")].map((e) => Number(e.textContent.replace(/\D/g, "")))`

// Scrolling to the end loads more events until there are none, each once and in order.
func TestBrowseLoadsMore(t *testing.T) {
	t.Parallel()
	const count = 175
	s := serve(t)
	var events []dcb.Event
	for n := range count {
		events = append(events, dcb.Event{Type: "Counted", Tags: []string{fmt.Sprint("n:", n)}, Data: []byte(`{"a":1,"b":2,"c":3}`)})
	}
	s.append(t, events...)
	b := newTab(t)
	b.open(s.url + "/browse")
	if first := len(eval[[]uint64](b, positions)); first >= count {
		t.Fatalf("the page shows all %d events without scrolling", first)
	}
	for before := 0; ; {
		shown := len(eval[[]uint64](b, positions))
		if shown == before {
			t.Fatalf("scrolling to the end shows no more than %d of %d events", shown, count)
		}
		if shown >= count {
			break
		}
		before = shown
		eval[bool](b, `window.scrollTo(0, document.documentElement.scrollHeight); true`)
		b.await(fmt.Sprintf("%s.length > %d", positions, before))
		b.settle()
	}
	for i, position := range eval[[]uint64](b, positions) {
		if want := uint64(count - i); position != want {
			t.Fatalf("event %d of the page has the position %d, want %d", i, position, want)
		}
	}
	b.mustBeFine()
}

// A query that is typed into the form, with the help of suggestions, shows its events and is in the URL.
func TestBrowseForm(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.append(t, courses(5)...)
	b := newTab(t)
	b.open(s.url + "/browse")
	b.do(chromedp.SendKeys(chromedp.CSS(`input[name=type]`), "StudentL"))
	b.await(`[...document.querySelectorAll("[role=option]")].map((e) => e.textContent).join() === "StudentLeft1"`)
	b.do(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter)) // chooses the suggestion
	b.await(`document.querySelector("input[name=type]").value === "StudentLeft"`)
	b.follow(chromedp.KeyEvent(kb.Enter))
	if types := eval[[]string](b, `[...document.querySelectorAll(".event .type")].map((e) => e.textContent)`); len(types) != 1 || types[0] != "StudentLeft" {
		t.Errorf("the page shows events of the types %q", types)
	}
	if at := eval[string](b, `new URLSearchParams(location.search).get("type")`); at != "StudentLeft" {
		t.Errorf("the URL has the type %q", at)
	}
	b.mustBeFine()
}
