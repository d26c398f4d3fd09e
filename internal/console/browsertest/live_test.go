package browsertest_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/umadb-go/umadb/dcb"
)

// An append shows in Live, on a store of a million events. The test prints how long that takes, from the call until the browser has
// the event in the page; the aim is 200 ms.
func TestLive(t *testing.T) {
	t.Parallel()
	s := serveMillion(t)
	b := newTab(t)
	b.open(s.url + "/live")
	b.await(`document.getElementById("connection").textContent === "Connected"`)
	eval[bool](b, `window.appeared = {}; new MutationObserver((changes) => {
		for (const added of changes.flatMap((change) => [...change.addedNodes])) {
			if (added.id) { appeared[added.id] ??= Date.now(); }
		}
	}).observe(document.getElementById("tail"), {childList: true}); true`)

	var delays []time.Duration
	var position uint64
	for n := range 20 {
		start := time.Now()
		var err error
		position, err = s.store.Append(t.Context(), []dcb.Event{{Type: "Appeared", Tags: []string{fmt.Sprint("n:", n)}}}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprintf("appeared[%q]", fmt.Sprint("event-", position))
		b.await(id)
		delays = append(delays, max(0, time.UnixMilli(eval[int64](b, id)).Sub(start)))
	}
	slices.Sort(delays)
	t.Logf("from the call of Append until the event is in the page: median %v, maximum %v", delays[len(delays)/2], delays[len(delays)-1])

	b.do(chromedp.Click(chromedp.CSS("#pause")))
	if _, err := s.store.Append(t.Context(), []dcb.Event{{Type: "Later"}}, nil, nil); err != nil {
		t.Fatal(err)
	}
	b.await(`document.getElementById("pause").textContent.includes("1 new")`)
	later := fmt.Sprintf("document.getElementById(%q) !== null", fmt.Sprint("event-", position+1))
	if eval[bool](b, later) {
		t.Error("an event is shown during a pause")
	}
	b.do(chromedp.Click(chromedp.CSS("#pause")))
	b.await(later)
	newAccessibility(t).page(b)
}
