package backup

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/umadb-go/umadb/internal/eventlog"
)

// The names of objects below the prefix of a backup.
const (
	originName    = "origin"
	segmentPrefix = "segments/"
	tailPrefix    = "tail/"
	segmentSuffix = ".log"
	tailSuffix    = ".groups"
)

// piece is an object with consecutive groups of one segment: all of them, or some of those
// of a segment that was the last one.
type piece struct {
	Object
	segment       bool
	start         uint64 // position of the first event, or where it would be
	first, last   uint64 // indexes of groups
	next          uint64 // position after the last event
	chain         uint64 // of the last group
	continuesWith uint64 // index of the first group that is needed of it
}

// pieceName returns the name of a piece: positions, indexes of groups, and the chain of the
// last group. The last position is one below the first if there is no event.
func pieceName(p *piece) string {
	prefix, suffix := tailPrefix, tailSuffix
	if p.segment {
		prefix, suffix = segmentPrefix, segmentSuffix
	}
	return fmt.Sprintf("%s%020d-%020d-%020d-%020d-%016x%s", prefix, p.start, p.next-1, p.first, p.last, p.chain, suffix)
}

var pieceForm = regexp.MustCompile(`^(?:segments|tail)/(\d{20})-(\d{20})-(\d{20})-(\d{20})-([0-9a-f]{16})\.(?:log|groups)$`)

// parsePiece returns the piece with a name, and reports whether it is one.
func parsePiece(o Object) (piece, bool) {
	m := pieceForm.FindStringSubmatch(o.Name)
	if m == nil {
		return piece{}, false
	}
	var n [4]uint64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseUint(m[i+1], 10, 63); err != nil {
			return piece{}, false
		}
	}
	chain, _ := strconv.ParseUint(m[5], 16, 64)
	p := piece{Object: o, segment: o.Name[0] == segmentPrefix[0], start: n[0], next: n[1] + 1, first: n[2], last: n[3], chain: chain}
	valid := p.start > 0 && p.first > 0 && p.next >= p.start && p.last >= p.first && pieceName(&p) == o.Name
	return p, valid
}

// tail returns the end of a piece. The time is unknown.
func (p *piece) tail() eventlog.Tail {
	return eventlog.Tail{Index: p.last, Chain: p.chain, Next: p.next}
}
