package console_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/umadb-go/umadb/dcb"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// rect is a drawn extent, in percent.
type rect struct {
	class    string
	x, width float64
}

// drawing returns the rows of the drawing of the page, without their background.
func drawing(s *site) (rows [][]rect) {
	s.t.Helper()
	page, err := html.Parse(strings.NewReader(s.get("/store", http.StatusOK)))
	if err != nil {
		s.t.Fatal(err)
	}
	for svg := range page.Descendants() {
		if svg.Data != "svg" {
			continue
		}
		row := []rect{}
		for node := range svg.Descendants() {
			if node.Data == "rect" && attribute(node, "class") != "empty" {
				row = append(row, rect{attribute(node, "class"), percent(s.t, node, "x"), percent(s.t, node, "width")})
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func percent(t *testing.T, node *html.Node, name string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(strings.TrimSuffix(attribute(node, name), "%"), 64)
	if err != nil {
		t.Error(err)
	}
	return n
}

// layoutOf returns a layout with this many segments of 10 events, and blocks of two levels.
func layoutOf(segments uint64) *adminv1.LayoutResponse {
	l := &adminv1.LayoutResponse{Head: 10 * segments, Limits: &adminv1.HeadBlockLimits{MaxEvents: 100}}
	for i := range segments {
		l.Segments = append(l.Segments, &adminv1.LogSegment{Name: fmt.Sprint("s", i), First: 10*i + 1, Events: 10, UsedBytes: 5, FileBytes: 8, Active: i == segments-1})
	}
	half := 5 * segments
	l.Blocks = []*adminv1.IndexBlock{{Name: "b1", First: 1, Events: half, Bytes: 7, Level: 1, Terms: 3}, {Name: "b0", First: half + 1, Events: half - 1, Bytes: 7}}
	l.HeadBlocks = []*adminv1.HeadBlock{{First: 2 * half, Events: 1, Bytes: 9}}
	return l
}

// A drawing of any number of segments is to scale, and its bars are wide enough to be seen.
func TestStoreIsDrawnToScale(t *testing.T) {
	for _, segments := range []uint64{1, 2, 500, 20_000} {
		s := siteOf(t, operatorOf{status: &adminv1.StatusResponse{}, layout: layoutOf(segments)}, false)
		rows := drawing(s)
		if len(rows) != 4 {
			t.Fatalf("%d segments are drawn in %d rows", segments, len(rows))
		}
		if r := rows[2]; len(r) != 1 || r[0].x != 0 || r[0].width != 50 {
			t.Errorf("%d segments: the block of level 1 is %v", segments, r)
		}
		bars := rows[3]
		if len(bars) > 252 || uint64(len(bars)) > segments || segments > 1 && len(bars) < 2 || bars[len(bars)-1].class != "active" {
			t.Errorf("%d segments are drawn as %d bars", segments, len(bars))
		}
		end := 0.0
		for _, b := range bars {
			if b.width < 0.399 || b.x < end-0.41 || b.x > end+0.01 || b.x+b.width > 100.01 {
				t.Errorf("%d segments: the bar %v follows %v", segments, b, end)
			}
			end = b.x + b.width
		}
		if end < 99.99 {
			t.Errorf("%d segments: the last bar ends at %v", segments, end)
		}
	}
}

func TestStoreTable(t *testing.T) {
	l := layoutOf(300)
	l.Compactions = []*adminv1.Compaction{{First: 1501, Events: 1499, Blocks: 8, Level: 0, Bytes: 100, WrittenBytes: 3, Started: timestamppb.Now()}}
	l.Blocks[0].Corrupt = true
	s := siteOf(t, operatorOf{status: &adminv1.StatusResponse{}, layout: l}, false)
	records, err := csv.NewReader(strings.NewReader(s.get("/store.csv", http.StatusOK))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != 1+300+2+1 {
		t.Fatalf("the table has %d rows", len(records))
	}
	for row, want := range map[int]string{
		0: "kind,name,first,last,events,bytes,file_bytes,level,terms,state", 1: "segment,s0,1,10,10,5,8,,,", 300: "segment,s299,2991,3000,10,5,8,,,active",
		301: "block,b1,1,1500,1500,7,,1,3,corrupt", 302: "block,b0,1501,2999,1499,7,,0,,compacting", 303: "head block,,3000,3000,1,9,,,,active",
	} {
		if have := strings.Join(records[row], ","); have != want {
			t.Errorf("row %d is %s, want %s", row, have, want)
		}
	}
	if rows := drawing(s); rows[1][0].class != "compacting" || rows[2][0].class != "corrupt" {
		t.Errorf("the blocks are drawn as %v", rows[1:3])
	}
	if page := s.get("/store", http.StatusOK); !strings.Contains(page, "250 older ones") || !strings.Contains(page, "In progress: 8 blocks of level 0") {
		t.Errorf("the page is %s", page)
	}
}

func TestStoreOfAServer(t *testing.T) {
	s := newSite(t)
	s.get("/store", http.StatusOK) // without events
	s.append(dcb.Event{Type: "A"}, dcb.Event{Type: "B"})
	var data struct {
		Head     uint64
		Segments []struct{ First, Last, Bytes uint64 }
		Blocks   []struct{} `json:"head_blocks"`
		Cache    *struct{}
		Disk     *struct {
			LogBytes uint64 `json:"log_bytes"`
		}
	}
	s.json("/store.json", &data)
	if data.Head != 2 || len(data.Segments) != 1 || data.Segments[0].Last != 2 || data.Segments[0].Bytes == 0 || len(data.Blocks) != 1 || data.Cache == nil || data.Disk == nil || data.Disk.LogBytes == 0 {
		t.Errorf("the store is %+v", data)
	}
}

func TestStoreThatIsNotReported(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, "another program or version"},
		{dcb.ErrAuthentication, `the right "admin"`},
	} {
		s := siteOf(t, operatorOf{err: c.err}, true)
		if missing := s.texts("/store", "missing"); len(missing) != 1 || !strings.Contains(missing[0], c.want) {
			t.Errorf("%v is shown as %q", c.err, missing)
		}
	}
	siteOf(t, operatorOf{err: errors.New("broken")}, false).get("/store", http.StatusInternalServerError)
}
