package main

import "testing"

func TestShorten(t *testing.T) {
	const stacks = "ours;runtime.goexit.abi0;sync.(*WaitGroup).Go.func1;github.com/umadb-go/umadb/internal/store.(*writer).run 3\n" +
		"ours;golang.org/x/net/http2.(*Framer).ReadFrame;[unknown] 1\n"
	const want = "ours;store.(*writer).run 3\nours;net/http2.(*Framer).ReadFrame;[unknown] 1\n"
	if got := shorten(stacks); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSlug(t *testing.T) {
	const name, want = "ours: Reading by tag, 10 of 200,000 events", "ours-reading-by-tag-10-of-200-000-events"
	if got := slug(name); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
