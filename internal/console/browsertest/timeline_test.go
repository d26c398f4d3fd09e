package browsertest_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// chartArea returns the left edge and the width of the chart, and the middle of its height.
func chartArea(b *tab) (left, width, middle float64) {
	b.t.Helper()
	area := eval[[]float64](b, `(({left, top, width, height}) => [left, width, top + height / 2])(document.querySelector("#timeline .u-over").getBoundingClientRect())`)
	return area[0], area[1], area[2]
}

// firstBar are the middle of the first period that has events, between 0 at the left edge of the
// chart and 1 at its right edge, and the number of its events.
const firstBar = `((rows) => {
	const row = rows.find((row) => row.querySelector(".browse"));
	const [start, from, to, end] = [rows[0].dataset.from, row.dataset.from, row.dataset.to, rows.at(-1).dataset.to].map(Number);
	return [((from + to) / 2 - start) / (end - start), Number(row.cells[1].textContent)];
})([...document.querySelectorAll("#periods tbody tr")])`

// tenMinutes returns an export with an event of a course each second for ten minutes.
func tenMinutes() []byte {
	var out bytes.Buffer
	start := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	for n := range 600 {
		kind := []string{"StudentEnrolled", "StudentLeft"}[n%2]
		fmt.Fprintf(&out, `{"position":%d,"recorded_at":%q,"type":%q,"tags":["course:c1"]}`+"\n", n+1, start.Add(time.Duration(n)*time.Second).Format(time.RFC3339), kind)
	}
	fmt.Fprintf(&out, `{"end":{"head":600}}`+"\n")
	return out.Bytes()
}

// touch moves a finger from a point to another at the same height.
func touch(fromX, toX, y float64) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		const steps = 10
		events := []input.DispatchTouchEventParams{{Type: input.DispatchTouchEventTypeTouchStart, TouchPoints: []*input.TouchPoint{{X: fromX, Y: y}}}}
		for n := range steps {
			if fromX == toX {
				break
			}
			x := fromX + (toX-fromX)*float64(n+1)/steps
			events = append(events, input.DispatchTouchEventParams{Type: input.DispatchTouchEventTypeTouchMove, TouchPoints: []*input.TouchPoint{{X: x, Y: y}}})
		}
		events = append(events, input.DispatchTouchEventParams{Type: input.DispatchTouchEventTypeTouchEnd, TouchPoints: []*input.TouchPoint{}})
		for _, e := range events {
			if _, err := cdp.Call(ctx, t, input.DispatchTouchEvent, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// A finger selects a range, and a short touch a bar.
func TestTimelineByTouch(t *testing.T) {
	t.Parallel()
	s := serveExport(t, tenMinutes())
	b := newTab(t)
	b.open(s.url + "/timeline?tag=course:c1")
	total := eval[int](b, `Number(document.querySelector(".total").textContent)`)
	left, width, middle := chartArea(b)
	b.follow(touch(left+width/2, left+4, middle))
	if zoomed := eval[int](b, `Number(document.querySelector(".total").textContent)`); zoomed < 1 || zoomed >= total || !eval[bool](b, `new URLSearchParams(location.search).has("until")`) {
		t.Errorf("the range that was selected has %d events, of %d", zoomed, total)
	}
	left, width, middle = chartArea(b)
	bar := eval[[]float64](b, firstBar)
	x := left + width*bar[0]
	b.do(touch(x, x, middle))
	b.follow(chromedp.Click(chromedp.CSS(`#period a[href*="/browse"]`)))
	if shown := len(eval[[]uint64](b, positions)); shown != int(bar[1]) {
		t.Errorf("the bar leads to %d events, want %d", shown, int(bar[1]))
	}
	b.mustBeFine()
}

// Selecting a range in the chart leads to its timeline, and a click on a bar to the events of it.
func TestTimelineChart(t *testing.T) {
	t.Parallel()
	s := serveExport(t, tenMinutes())
	b := newTab(t)
	b.open(s.url + "/timeline?tag=course:c1")
	total := eval[int](b, `Number(document.querySelector(".total").textContent)`)
	left, width, middle := chartArea(b)
	b.follow(chromedp.DragAndDropXY(left+4, middle, left+width/2, middle))
	if at := eval[[]string](b, `[...new URLSearchParams(location.search).keys()].sort()`); len(at) != 3 || at[0] != "since" || at[1] != "tag" || at[2] != "until" {
		t.Errorf("the URL has the parameters %q", at)
	}
	if zoomed := eval[int](b, `Number(document.querySelector(".total").textContent)`); zoomed < 1 || zoomed >= total {
		t.Errorf("the range that was selected has %d events, of %d", zoomed, total)
	}
	b.mustBeFine()

	left, width, middle = chartArea(b)
	bar := eval[[]float64](b, firstBar)
	x, want := left+width*bar[0], int(bar[1])
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, middle), chromedp.MouseClickXY(x, middle))
	b.follow(chromedp.Click(chromedp.CSS(`#period a[href*="/browse"]`)))
	if shown := len(eval[[]uint64](b, positions)); shown != want {
		t.Errorf("the bar leads to %d events, want %d", shown, want)
	}
	b.mustBeFine()
}
