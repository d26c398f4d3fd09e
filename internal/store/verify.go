package store

import (
	"fmt"
	"iter"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// verifiedRecords iterates over the records of a group that was read from the log, and
// verifies them. A group with correct checksums may contain invalid records, so every
// reader of groups must use this function. An error is a *vfs.CorruptionError, and the
// last value that it yields.
func (s *Store) verifiedRecords(g *eventlog.Group) iter.Seq2[encoding.Record, error] {
	return func(yield func(encoding.Record, error) bool) {
		for record, err := range encoding.StoredRecords(g.Payload, g.First, int(g.Count)) {
			if err != nil {
				err = &vfs.CorruptionError{
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
