package console

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// storePage shows the files of the store.
var storePage = page{path: "/store", title: "Store", load: loadStore}

// storeData is the data of storePage.
type storeData struct {
	// Missing is why the server does not report the rest; empty if it does.
	Missing          string           `json:"missing,omitempty"`
	Head             uint64           `json:"head"`
	Segments         []extentData     `json:"segments"`
	Blocks           []extentData     `json:"blocks"`      // of the index
	HeadBlocks       []extentData     `json:"head_blocks"` // those in memory
	Limits           *limitsData      `json:"head_block_limits,omitempty"`
	NextSegmentBytes uint64           `json:"next_segment_bytes,omitempty"`
	Compactions      []compactionData `json:"compactions,omitempty"` // in progress; all but the last are suspended
	LastCompaction   *compactionData  `json:"last_compaction,omitempty"`
	Backlog          uint64           `json:"compaction_backlog"` // blocks that could be compacted now
	Compacted        uint64           `json:"compacted"`          // since the start
	CompactedBytes   uint64           `json:"compacted_bytes"`
	Disk             *diskData        `json:"disk,omitempty"`
	Cache            *cacheData       `json:"cache,omitempty"`
	Scrub            *scrubData       `json:"scrub,omitempty"`
}

// extentData is a range of positions and where its events or their index are.
type extentData struct {
	Kind   string `json:"kind"` // segment, block or head block
	Name   string `json:"name,omitempty"`
	First  uint64 `json:"first"`
	Last   uint64 `json:"last,omitempty"` // 0 if there is no event
	Events uint64 `json:"events"`
	Bytes  uint64 `json:"bytes"` // in use
	// FileBytes is the size of the file of a segment, with preallocated space.
	FileBytes uint64 `json:"file_bytes,omitempty"`
	Level     uint32 `json:"level"`
	Terms     uint64 `json:"terms,omitempty"`
	State     string `json:"state,omitempty"` // active, corrupt or compacting
}

// limitsData is how large a head block can become.
type limitsData struct {
	Events   uint64 `json:"events"`
	Bytes    uint64 `json:"bytes"`
	LogBytes uint64 `json:"log_bytes"`
}

// compactionData is a compaction of blocks.
type compactionData struct {
	First        uint64    `json:"first"`
	Last         uint64    `json:"last"`
	Blocks       uint64    `json:"blocks"`
	Bytes        uint64    `json:"bytes"`
	Level        uint32    `json:"level"`
	WrittenBytes uint64    `json:"written_bytes"`
	Started      time.Time `json:"started"`
	Ended        time.Time `json:"ended,omitzero"`
}

// scrubData is the background scrub.
type scrubData struct {
	PeriodSeconds seconds   `json:"period_seconds"`
	Started       time.Time `json:"started,omitzero"` // zero if no pass is in progress
	DoneBytes     uint64    `json:"done_bytes,omitempty"`
	AllBytes      uint64    `json:"all_bytes,omitempty"`
	LastEnded     time.Time `json:"last_ended,omitzero"`
	Findings      uint64    `json:"findings"`
}

func loadStore(ctx context.Context, _ *http.Request, b *web.Backend) (any, error) {
	data := &storeData{Segments: []extentData{}, Blocks: []extentData{}, HeadBlocks: []extentData{}}
	layout, err := b.Operator.Layout(ctx)
	var status *adminv1.StatusResponse
	if err == nil {
		status, err = b.Operator.Status(ctx)
	}
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		data.Missing = "This server does not report the files of its store: it is of another program or version."
		return data, nil
	case errors.Is(err, dcb.ErrAuthentication):
		data.Missing = `The files of the store are for operators: they need an API key with the right "admin".`
		return data, nil
	case err != nil:
		return nil, err
	}
	data.addLayout(layout)
	st := status.GetStore()
	data.Disk, data.Cache = newDiskData(st.GetDisk()), newCacheData(st.GetCache())
	if scrub := st.GetScrub(); scrub != nil {
		data.Scrub = &scrubData{
			PeriodSeconds: seconds(scrub.GetPeriod().AsDuration().Seconds()), Started: timeOf(scrub.GetStarted()),
			DoneBytes: scrub.GetDoneBytes(), AllBytes: scrub.GetAllBytes(), LastEnded: timeOf(scrub.GetLastEnded()),
			Findings: scrub.GetLogFindings() + scrub.GetIndexFindings(),
		}
	}
	return data, nil
}

func (d *storeData) addLayout(l *adminv1.LayoutResponse) {
	d.Head, d.NextSegmentBytes = l.GetHead(), l.GetNextSegmentBytes()
	d.Backlog, d.Compacted, d.CompactedBytes = l.GetCompactionBacklog(), l.GetCompacted(), l.GetCompactedBytes()
	if limits := l.GetLimits(); limits != nil {
		d.Limits = &limitsData{limits.GetMaxEvents(), limits.GetMaxBytes(), limits.GetMaxLogBytes()}
	}
	for _, c := range l.GetCompactions() {
		d.Compactions = append(d.Compactions, newCompactionData(c))
	}
	if last := l.GetLastCompaction(); last != nil {
		d.LastCompaction = new(newCompactionData(last))
	}
	for _, s := range l.GetSegments() {
		e := extentData{Kind: "segment", Name: s.GetName(), First: s.GetFirst(), Events: s.GetEvents(), Bytes: s.GetUsedBytes(), FileBytes: s.GetFileBytes()}
		if s.GetActive() {
			e.State = "active"
		}
		d.Segments = append(d.Segments, e.withLast())
	}
	for _, b := range l.GetBlocks() {
		e := extentData{Kind: "block", Name: b.GetName(), First: b.GetFirst(), Events: b.GetEvents(), Bytes: b.GetBytes(), Level: b.GetLevel(), Terms: b.GetTerms()}
		e = e.withLast()
		if d.isCompacting(&e) {
			e.State = "compacting"
		}
		if b.GetCorrupt() {
			e.State = "corrupt"
		}
		d.Blocks = append(d.Blocks, e)
	}
	for _, h := range l.GetHeadBlocks() {
		e := extentData{Kind: "head block", First: h.GetFirst(), Events: h.GetEvents(), Bytes: h.GetBytes()}
		d.HeadBlocks = append(d.HeadBlocks, e.withLast())
	}
	if n := len(d.HeadBlocks); n > 0 {
		d.HeadBlocks[n-1].State = "active"
	}
}

func newCompactionData(c *adminv1.Compaction) compactionData {
	return compactionData{
		First: c.GetFirst(), Last: c.GetFirst() + c.GetEvents() - 1, Blocks: c.GetBlocks(), Bytes: c.GetBytes(), Level: c.GetLevel(),
		WrittenBytes: c.GetWrittenBytes(), Started: timeOf(c.GetStarted()), Ended: timeOf(c.GetEnded()),
	}
}

// withLast returns the extent with its last position.
func (e extentData) withLast() extentData {
	if e.Events > 0 {
		e.Last = e.First + e.Events - 1
	}
	return e
}

// isCompacting reports whether a block is compacted at the moment.
func (d *storeData) isCompacting(e *extentData) bool {
	for _, c := range d.Compactions {
		if c.Level == e.Level && c.First <= e.First && e.Last <= c.Last {
			return true
		}
	}
	return false
}

// extents iterates over all extents.
func (d *storeData) extents() iter.Seq[extentData] {
	return func(yield func(extentData) bool) {
		for _, all := range [][]extentData{d.Segments, d.Blocks, d.HeadBlocks} {
			for _, e := range all {
				if !yield(e) {
					return
				}
			}
		}
	}
}

func (d *storeData) columns() []string {
	return []string{"kind", "name", "first", "last", "events", "bytes", "file_bytes", "level", "terms", "state"}
}

func (d *storeData) rows() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for e := range d.extents() {
			level := "" // only blocks in files have one
			if e.Kind == "block" {
				level = fmt.Sprint(e.Level)
			}
			if !yield([]string{e.Kind, e.Name, decimal(e.First), decimal(e.Last), strconv.FormatUint(e.Events, 10), strconv.FormatUint(e.Bytes, 10), decimal(e.FileBytes), level, decimal(e.Terms), e.State}) {
				return
			}
		}
	}
}

// decimal formats a number, or nothing for 0.
func decimal(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}
