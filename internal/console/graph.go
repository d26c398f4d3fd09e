package console

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// graph shows the tags that occur in events together with a tag.
var graph = page{path: "/graph", title: "Graph", load: loadGraph}

const (
	// graphEvents and graphBytes are how many events a graph counts at most, the newest first, and
	// how many bytes of their tags and data are read.
	graphEvents = 2000
	graphBytes  = 32 << 20
	// graphNodes is the maximum number of tags in a graph, and graphNameBytes that of the size of their names, which
	// each of up to 1,770 pairs repeats.
	graphNodes     = 60
	graphNameBytes = 16 << 10
)

// graphData is the data of graph. Without a tag, only Frequent is set.
type graphData struct {
	Tag string `json:"tag"`
	// Events is the number of events of the tag that are counted. Cut is set if the tag has more:
	// those before the position Oldest are not counted.
	Events int    `json:"events"`
	Cut    bool   `json:"cut"`
	Oldest uint64 `json:"oldest,omitempty"`
	// Nodes are the other tags in these events, those in most events first. More is the number of
	// tags that are omitted.
	Nodes []graphNode `json:"nodes"`
	More  int         `json:"more"`
	Edges []graphEdge `json:"edges"`
	// Frequent are the tags with the most events in the store.
	Frequent []shownTerm `json:"frequent,omitempty"`
}

// graphNode is a tag, with the number of events that it has together with the tag of the graph.
type graphNode struct {
	Tag    string `json:"tag"`
	Events int    `json:"events"`
}

// graphEdge is two nodes, with the number of events that have both.
type graphEdge struct {
	A      string `json:"a"`
	B      string `json:"b"`
	Events int    `json:"events"`
}

func loadGraph(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	data := &graphData{Tag: r.URL.Query().Get("tag"), Nodes: []graphNode{}, Edges: []graphEdge{}}
	if data.Tag == "" {
		var err error
		data.Frequent, _, err = shownTerms(ctx, b.Terms.Tags, dcb.TermsOptions{Order: dcb.ByEvents, Limit: 2 * completions})
		if isUnexpected(err) {
			return nil, err
		}
		return data, nil
	}
	together, err := data.read(ctx, b.Events)
	if err != nil {
		return nil, err
	}
	data.count(together)
	return data, nil
}

// read reads the newest events of the tag, and returns the other tags of each.
func (d *graphData) read(ctx context.Context, s dcb.EventStore) (together [][]string, err error) {
	query := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{d.Tag}}}}
	response := s.Read(ctx, query, dcb.ReadOptions{Backwards: true, Limit: new(uint32(graphEvents + 1))})
	defer response.Close()
	size := 0
	for e, err := range response.All() {
		if err != nil {
			return nil, err
		}
		if d.Cut = d.Events == graphEvents || size > graphBytes; d.Cut {
			break
		}
		d.Events++
		d.Oldest = e.Position
		size += sizeOf(&e.Event)
		tags := slices.DeleteFunc(e.Event.Tags, func(tag string) bool { return tag == d.Tag })
		slices.Sort(tags)
		together = append(together, slices.Compact(tags))
	}
	return together, nil
}

// count counts the nodes and the edges between them.
func (d *graphData) count(together [][]string) {
	counts := map[string]int{}
	for _, tags := range together {
		for _, tag := range tags {
			counts[tag]++
		}
	}
	for tag, events := range counts {
		d.Nodes = append(d.Nodes, graphNode{tag, events})
	}
	slices.SortFunc(d.Nodes, func(a, b graphNode) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Tag, b.Tag))
	})
	all, size := d.Nodes, 0
	d.Nodes = []graphNode{}
	for _, node := range all {
		if len(d.Nodes) < graphNodes && size+len(node.Tag) <= graphNameBytes {
			d.Nodes, size = append(d.Nodes, node), size+len(node.Tag)
		}
	}
	d.More = len(all) - len(d.Nodes)
	shown := map[string]bool{}
	for _, node := range d.Nodes {
		shown[node.Tag] = true
	}
	pairs := map[[2]string]int{}
	for _, tags := range together {
		tags = slices.DeleteFunc(tags, func(tag string) bool { return !shown[tag] })
		for i, a := range tags {
			for _, b := range tags[i+1:] {
				pairs[[2]string{a, b}]++
			}
		}
	}
	for pair, events := range pairs {
		d.Edges = append(d.Edges, graphEdge{pair[0], pair[1], events})
	}
	slices.SortFunc(d.Edges, func(a, b graphEdge) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B))
	})
}

// Summary returns a sentence about what the graph contains.
func (d *graphData) Summary() string {
	events := fmt.Sprintf("%s events", number(d.Events))
	switch {
	case d.Events == 0:
		return "No event has this tag."
	case d.Events == 1:
		events = "1 event"
	case d.Cut:
		events = fmt.Sprintf("The newest %s events (from position %s; older ones are not counted)", number(d.Events), number(d.Oldest))
	}
	switch {
	case len(d.Nodes) == 0:
		return events + ", in which no other tag occurs."
	case d.More > 0:
		return fmt.Sprintf("%s, and the %d tags that occur in most of them; %s other tags are omitted.", events, len(d.Nodes), number(d.More))
	case len(d.Nodes) == 1:
		return events + ", and 1 other tag that occurs in them."
	}
	return fmt.Sprintf("%s, and %d other tags that occur in them.", events, len(d.Nodes))
}

func (d *graphData) columns() []string { return []string{"tag", "other_tag", "events"} }

// rows are the edges, first those of the tag itself.
func (d *graphData) rows() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, node := range d.Nodes {
			if !yield([]string{d.Tag, node.Tag, strconv.Itoa(node.Events)}) {
				return
			}
		}
		for _, edge := range d.Edges {
			if !yield([]string{edge.A, edge.B, strconv.Itoa(edge.Events)}) {
				return
			}
		}
	}
}
