package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// Rejections with a query are those that concern its events.
func TestRejectionsAboutEvents(t *testing.T) {
	d := newDeciding(t)
	d.append(dcb.Event{Type: "Offered", Tags: []string{"course:go", "x"}})
	about := func(types, tags []string) *dcb.AppendCondition {
		return &dcb.AppendCondition{FailIfEventsMatch: items(dcb.QueryItem{Types: types, Tags: tags})}
	}
	d.reject([]dcb.Event{{Type: "Enrolled", Tags: []string{"course:go", "student:ann"}}}, about([]string{"Offered", "Enrolled"}, []string{"course:go"}), nil)   // 1
	d.reject([]dcb.Event{{Type: "Enrolled", Tags: []string{"course:py"}}, {Type: "Paid", Tags: []string{"student:bob"}}}, about([]string{"Offered"}, nil), nil) // 2
	d.reject([]dcb.Event{{Type: "Other"}}, new(dcb.AppendCondition), nil)                                                                                       // 3
	d.reject(nil, about(nil, []string{"x"}), nil)                                                                                                               // 4
	for query, want := range map[string][]uint64{
		"":                                  {4, 3, 2, 1},
		"tag=course:go":                     {3, 2, 1},
		"tag=course:go&tag=student:ann":     {3, 2, 1},
		"type=Enrolled&tag=student:ann":     {3, 1},
		"type=Paid":                         {4, 3, 2},
		"type=Paid&tag=student:ann":         {3},
		"type=Paid&tag=student:bob":         {3, 2},
		"tag=x":                             {4, 3, 2},
		"type=Absent&item=type%3DOffered":   {4, 3, 2, 1},
		"type=Enrolled&tag=y&tag=course:go": {3, 1},
	} {
		var got []uint64
		for _, r := range d.rejections("/rejections?" + query).Rejections {
			got = append(got, r.Number)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	if links := d.links("/browse?type=Paid&tag=student:bob"); !slices.Contains(links, "/rejections?"+url.Values{"type": {"Paid"}, "tag": {"student:bob"}}.Encode()) {
		t.Errorf("Browse has no link to the rejections: %q", links)
	}
	if links := d.links("/browse"); slices.ContainsFunc(links, func(l string) bool { return strings.HasPrefix(l, "/rejections?") }) {
		t.Errorf("without a query, Browse has the links %q", links)
	}
	if fields := d.fields("/rejections?tag=x"); !slices.Equal(fields["tag"], []string{"x", ""}) {
		t.Errorf("the form has %v", fields)
	}
	if page := d.get("/rejections?item=x", http.StatusBadRequest); !strings.Contains(page, "neither type= nor tag=") || !strings.Contains(page, "<form") {
		t.Errorf("the page does not have the problem and the form: %s", page)
	}
}

// The links to older rejections keep the query.
func TestRejectionsAboutEventsPages(t *testing.T) {
	d := newDeciding(t)
	d.append(dcb.Event{Type: "A"})
	for n := range 60 {
		condition := &dcb.AppendCondition{FailIfEventsMatch: items(dcb.QueryItem{Types: []string{"A"}})}
		d.reject([]dcb.Event{{Type: []string{"B", "C"}[n%2]}}, condition, nil)
	}
	var got []uint64
	for next := "/rejections?type=B"; next != ""; {
		page := d.rejections(next)
		for _, r := range page.Rejections {
			got = append(got, r.Number)
			if r.Omitted > 0 {
				t.Errorf("%d rejections before %d count as not kept", r.Omitted, r.Number)
			}
		}
		next = page.Next
	}
	if len(got) != 30 || got[0] != 59 || got[29] != 1 {
		t.Errorf("got %v", got)
	}
}
