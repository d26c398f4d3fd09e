package browsertest_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/umadb-go/umadb/dcb"
)

// The form appends with its editor, which works under the policy of the pages. The result of the
// check is accessible too.
func TestAppend(t *testing.T) {
	t.Parallel()
	s := serve(t, "--console-append")
	b := newTab(t)
	checked := newAccessibility(t)
	b.open(s.url + "/append")
	const content = `document.querySelector("#data + div").shadowRoot.querySelector(".cm-content")`
	b.await(`document.querySelector("#data").hidden && ` + content + ` !== null`)
	if family := eval[string](b, `getComputedStyle(`+content+`).fontFamily`); !strings.Contains(family, "mono") {
		t.Errorf("the editor has the font %s: its styles do not apply", family)
	}
	checked.page(b)
	b.do(chromedp.SendKeys(chromedp.CSS(`input[name=type]`), "StudentJoined"))
	b.do(chromedp.SendKeys(chromedp.CSS(`input[name=tag]`), "course:1"))
	b.do(chromedp.SendKeys(chromedp.CSS(`input[name=type2]`), "StudentLeft"))
	b.do(chromedp.Click(chromedp.CSS(`.condition button.add`)))
	b.do(chromedp.SendKeys(chromedp.CSS(`input[name=tag3]`), "course:1"))
	eval[bool](b, content+`.focus(), true`)
	b.do(chromedp.KeyEvent(`{"seats": 30}`))
	b.await(`document.querySelector("#data").value === '{"seats": 30}'`)
	b.follow(chromedp.Click(chromedp.CSS(`form.append button.primary`)))
	if head, err := s.store.Head(t.Context()); err != nil || head != 0 {
		t.Fatalf("the check has appended: the head is %d (%v)", head, err)
	}
	checked.page(b)
	if items := eval[[]string](b, `[...document.querySelectorAll("form.confirm input[name=item]")].map((input) => input.value)`); len(items) != 2 || items[0] != "type=StudentLeft" || items[1] != "tag=course:1" {
		t.Errorf("the condition has the items %q", items)
	}
	b.follow(chromedp.Click(chromedp.CSS(`form.confirm button`)))
	b.await(`document.querySelector("[role=status]").textContent.includes("event 1")`)
	events, _, err := s.store.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil || len(events) != 1 || string(events[0].Event.Data) != `{"seats":30}` || events[0].Event.Tags[0] != "course:1" {
		t.Errorf("the events are %+v (%v)", events, err)
	}
	b.mustBeFine()
}
