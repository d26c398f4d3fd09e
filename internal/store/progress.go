package store

import (
	"time"

	"github.com/umadb-go/umadb/internal/eventlog"
)

// reportEvery is how often long work says how far it is.
const reportEvery = 2 * time.Second

// rebuildProgress reports how far building the index is, if it takes long.
type rebuildProgress struct {
	store       *Store
	first, last uint64 // groups
	reported    time.Time
}

func newProgress(s *Store, first, last uint64) *rebuildProgress {
	return &rebuildProgress{store: s, first: first, last: last, reported: time.Now()}
}

func (p *rebuildProgress) group(g *eventlog.Group) {
	if time.Since(p.reported) < reportEvery {
		return
	}
	p.reported = time.Now()
	p.store.options.Logger.Info("building the index from the log",
		"percent", 100*(g.Index-p.first)/max(1, p.last-p.first), "position", g.First)
}
