package browsertest_test

import (
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

const plotArea = `(({left, top, width, height}) => [left, top, width, height])(document.querySelector("#timeline .u-over").getBoundingClientRect())`

// Selecting a range in the chart leads to its timeline, and a click on a bar to the events of it.
func TestTimelineChart(t *testing.T) {
	s := serve(t)
	s.append(t, courses(10)...)
	s.append(t, courses(10)...)
	b := newTab(t)
	b.open(s.url + "/timeline?tag=course:c1")
	total := eval[int](b, `Number(document.querySelector(".total").textContent)`)
	area := eval[[]float64](b, plotArea)
	middle := area[1] + area[3]/2
	b.follow(chromedp.DragAndDropXY(area[0]+4, middle, area[0]+area[2]/2, middle))
	if at := eval[[]string](b, `[...new URLSearchParams(location.search).keys()].sort()`); len(at) != 3 || at[0] != "since" || at[1] != "tag" || at[2] != "until" {
		t.Errorf("the URL has the parameters %q", at)
	}
	if zoomed := eval[int](b, `Number(document.querySelector(".total").textContent)`); zoomed < 1 || zoomed > total {
		t.Errorf("the range that was selected has %d events, of %d", zoomed, total)
	}
	b.mustBeFine()

	area = eval[[]float64](b, plotArea)
	want := eval[int](b, `Number(document.querySelector("#periods tbody tr").cells[1].textContent)`)
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, area[0]+4, middle), chromedp.MouseClickXY(area[0]+4, middle))
	b.follow(chromedp.Click(chromedp.CSS(`#period a[href*="/browse"]`)))
	if shown := len(eval[[]uint64](b, positions)); shown != want {
		t.Errorf("the bar leads to %d events, want %d", shown, want)
	}
	b.mustBeFine()
}
