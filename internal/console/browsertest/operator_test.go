package browsertest_test

import (
	"fmt"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// The overview shows an append and draws it, without being opened again, and loads the types and
// tags after itself.
func TestOverviewGrows(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.append(t, courses(3)...)
	b := newTab(t)
	b.open(s.url + "/")
	b.await(`document.querySelector("#rate canvas") !== null && document.querySelector("#types table") !== null && document.querySelector("#tags table") !== null`)
	before := eval[uint64](b, `Number(document.getElementById("now").dataset.head)`)
	eval[bool](b, `document.querySelector("#now a").focus(); true`)
	s.append(t, dcb.Event{Type: "Later"})
	b.await(fmt.Sprintf(`document.getElementById("now").dataset.head === "%d"`, before+1))
	b.await(`document.querySelector("#now").textContent.includes("New events") && document.querySelector("#latency").textContent.includes("the last")`)
	if !eval[bool](b, `document.querySelector("#now a") === document.activeElement`) {
		t.Error("the link that had the focus has lost it")
	}
	b.mustBeFine()
}

// Paused, the overview does not ask the server.
func TestOverviewPauses(t *testing.T) {
	t.Parallel()
	s := serve(t)
	b := newTab(t)
	b.open(s.url + "/")
	eval[bool](b, `window.asked = 0; const ask = window.fetch; window.fetch = (...a) => { window.asked++; return ask(...a); }; true`)
	b.await(`window.asked > 0`)
	eval[bool](b, `document.querySelector(".polling button").click(); window.asked = 0; true`)
	// Timers fire in the order of their time, so the next poll would come before the end of a pause
	// that is longer.
	eval[bool](b, `new Promise((ended) => setTimeout(() => ended(true), 2500))`)
	if asked := eval[int](b, `window.asked`); asked > 0 {
		t.Errorf("it has asked %d times", asked)
	}
	eval[bool](b, `document.querySelector(".polling button").click(); true`)
	b.await(`window.asked > 0`)
	b.mustBeFine()
}

// If the server is gone, the overview says so.
func TestOverviewOfAServerThatIsGone(t *testing.T) {
	t.Parallel()
	s := serve(t)
	b := newTab(t)
	b.accepted = func(string) bool { return true } // the failed requests
	b.open(s.url + "/")
	s.stop()
	b.await(`document.querySelector(".polling [role=status]").textContent.startsWith("No answer since")`)
}
