package store

import (
	"fmt"
	"iter"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// verifiedRecords ranges over the records of a group that was read from the log.
// Its checksums are right, and still what it contains may be what no store writes:
// so whatever reads groups reads them with this function. An error, the last thing
// that it yields, is a *vfs.DamageError.
func (s *Store) verifiedRecords(g *eventlog.Group) iter.Seq2[encoding.Record, error] {
	return func(yield func(encoding.Record, error) bool) {
		for record, err := range encoding.StoredRecords(g.Payload, g.First, int(g.Count)) {
			if err != nil {
				err = &vfs.DamageError{
					File:   s.log.SegmentName(g.Base),
					Offset: g.PayloadOffset() + int64(record.Offset),
					What:   fmt.Sprintf("group %d: %v", g.Index, err),
				}
			}
			if !yield(record, err) {
				return
			}
		}
	}
}
