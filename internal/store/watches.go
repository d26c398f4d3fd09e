package store

import (
	"sync"
	"time"

	"github.com/umadb-go/umadb/internal/index"
)

// watches holds the subscriptions that wait for events, by term. A commit wakes only
// those whose query may match its events. For each item of its query, a subscription
// watches the rarest tag, or all types if the item has no tags: an event without any of
// these terms cannot match the item.
type watches struct {
	mu     sync.Mutex
	byTerm map[uint64]*watchEntry // first entry of each list, by hash; guarded by mu
	all    *watchEntry            // first entry of the list that waits for every event; guarded by mu
	wakes  uint64                 // number of calls of wake; guarded by mu
}

// watch is a waiting subscription.
type watch struct {
	woken   chan published // receives the first group that woke it; has capacity 1
	entries []watchEntry
}

// published is a group that was published.
type published struct {
	at    time.Duration // of the clock
	first uint64        // the position of its first event
}

// watchEntry is a watch in the list of one hash. A list contains each watch once.
type watchEntry struct {
	watch          *watch
	hash           uint64
	all            bool   // in the list that waits for every event
	wokenBy        uint64 // in the first entry of a list: the last call of wake that woke the list
	previous, next *watchEntry
}

func newWatches() *watches { return &watches{byTerm: map[uint64]*watchEntry{}} }

// add adds a watch for the events of a query. The counts in newest decide which tag of
// an item is the rarest.
func (ws *watches) add(q *query, newest *headBlock) *watch {
	w := &watch{woken: make(chan published, 1)}
	if q.all {
		w.entries = []watchEntry{{watch: w, all: true}}
	} else {
		w.entries = make([]watchEntry, 0, len(q.items))
	}
	for i := range q.items {
		for _, term := range watched(&q.items[i], newest) {
			w.entries = append(w.entries, watchEntry{watch: w, hash: term.Hash()})
		}
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	listed := w.entries[:0]
	for _, entry := range w.entries {
		first := ws.first(&entry)
		if first != nil && first.watch == w {
			continue // repeated term
		}
		listed = append(listed, entry)
		e := &listed[len(listed)-1]
		if e.next = first; first != nil {
			first.previous = e
		}
		ws.setFirst(e, e)
	}
	w.entries = listed
	return w
}

// watched returns the terms to watch for an item: the rarest tag, or else all types.
// Every event that matches the item has one of them.
func watched(item *queryItem, newest *headBlock) []index.Term {
	if len(item.tags) == 0 {
		return item.types
	}
	rarest, fewest := 0, 0
	if len(item.tags) > 1 {
		for i, tag := range item.tags {
			if n := newest.Count(tag); i == 0 || n < fewest {
				rarest, fewest = i, n
			}
		}
	}
	return item.tags[rarest : rarest+1]
}

// remove removes a watch.
func (ws *watches) remove(w *watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for i := range w.entries {
		e := &w.entries[i]
		if e.next != nil {
			e.next.previous = e.previous
		}
		if e.previous != nil {
			e.previous.next = e.next
		} else {
			ws.setFirst(e, e.next)
		}
	}
}

// first returns the first entry of the list that e belongs to.
func (ws *watches) first(e *watchEntry) *watchEntry {
	if e.all {
		return ws.all
	}
	return ws.byTerm[e.hash]
}

// setFirst sets the first entry of the list that e belongs to.
func (ws *watches) setFirst(e, first *watchEntry) {
	switch {
	case e.all:
		ws.all = first
	case first == nil:
		delete(ws.byTerm, e.hash)
	default:
		ws.byTerm[e.hash] = first
	}
}

// wake wakes the subscriptions that watch every event or one of the terms with these
// hashes. The events must be published already. A hash may repeat; its list is woken once. wake
// returns the number of list entries woken.
func (ws *watches) wake(hashes []uint64, group published) int {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	woken := wakeList(ws.all, group)
	if len(ws.byTerm) == 0 {
		return woken
	}
	ws.wakes++
	for _, hash := range hashes {
		if first := ws.byTerm[hash]; first != nil && first.wokenBy != ws.wakes {
			first.wokenBy = ws.wakes
			woken += wakeList(first, group)
		}
	}
	return woken
}

func wakeList(e *watchEntry, group published) (woken int) {
	for ; e != nil; e = e.next {
		select {
		case e.watch.woken <- group:
		default: // it was woken for earlier events
		}
		woken++
	}
	return woken
}
