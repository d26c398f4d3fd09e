package cli

import (
	"context"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

const (
	// maxCounted and maxCountedBytes bound the number of different names that are counted,
	// and their total length.
	maxCounted      = 100_000
	maxCountedBytes = 64 << 20
)

// serverStats are the statistics that come from reading the events of a store.
type serverStats struct {
	URL       string      `json:"url"`
	Head      uint64      `json:"head"`
	Events    uint64      `json:"events"`
	DataBytes uint64      `json:"data_bytes"` // of the data of the events only
	Types     namesCount  `json:"types"`
	Tags      namesCount  `json:"tags"`
	Sources   sourceCount `json:"tracking_sources_on_events"`
}

// namesCount is a store.TermStats in which a limited number of names is counted
// individually.
type namesCount struct {
	store.TermStats
	Others uint64 `json:"other_events,omitempty"` // total of the names not counted individually; if it is not 0, Distinct is a lower bound
}

// sourceCount is the number of sources.
type sourceCount struct {
	Distinct uint64 `json:"distinct"`
	Others   uint64 `json:"other_events,omitempty"`
}

// readStats reads all events and counts them.
func readStats(ctx context.Context, s dcb.EventStore, url string, top int, p *progress) (*serverStats, error) {
	response := s.Read(ctx, dcb.Query{}, dcb.ReadOptions{})
	defer response.Close()
	head, err := response.Head()
	if err != nil {
		return nil, err
	}
	stats := &serverStats{URL: url, Head: head}
	types, tags, sources := newNameCounter(maxCounted), newNameCounter(maxCounted), newNameCounter(maxCounted)
	for event, err := range response.All() {
		if err != nil {
			return nil, err
		}
		stats.Events++
		stats.DataBytes += uint64(len(event.Event.Data))
		types.add(event.Event.Type)
		slices.Sort(event.Event.Tags) // count a repeated tag once
		for _, tag := range slices.Compact(event.Event.Tags) {
			tags.add(tag)
		}
		if event.Tracking != nil {
			sources.add(event.Tracking.Source)
		}
		p.show(stats.Events, head)
	}
	stats.Types, stats.Tags = types.count(top), tags.count(top)
	stats.Sources = sourceCount{uint64(len(sources.events)), sources.others}
	return stats, nil
}

// nameCounter counts events by name, in bounded memory.
type nameCounter struct {
	events   map[string]uint64
	maxNames int
	bytes    int    // total length of the names
	others   uint64 // events of names that exceed a bound
}

func newNameCounter(maxNames int) *nameCounter {
	return &nameCounter{events: map[string]uint64{}, maxNames: maxNames}
}

func (c *nameCounter) add(name string) {
	n, known := c.events[name]
	if !known && (len(c.events) == c.maxNames || c.bytes+len(name) > maxCountedBytes) {
		c.others++
		return
	}
	if !known {
		c.bytes += len(name)
	}
	c.events[name] = n + 1
}

// count returns the names with the most events first.
func (c *nameCounter) count(top int) namesCount {
	all := make([]store.TermCount, 0, len(c.events))
	for name, events := range c.events {
		all = append(all, store.TermCount{Name: name, Events: events})
	}
	slices.SortFunc(all, store.CompareCounts)
	return namesCount{store.TermStats{Distinct: uint64(len(all)), Top: all[:min(top, len(all))]}, c.others}
}
