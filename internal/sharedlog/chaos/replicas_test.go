//go:build linux

package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc64"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/store"
)

// maxViolations bounds how many violations are printed.
const maxViolations = 30

// checkAll stops the nodes, and checks the history and all copies of the log.
func (w *world) checkAll() {
	known := *w.members.Load()
	w.awaitEqual(known)
	for _, n := range w.nodes {
		w.stopNode(n)
		w.checkOutput(n)
	}
	groups, err := w.decided()
	if err != nil {
		w.Errorf("reading the shared log: %v", err)
	}
	w.Logf("the shared log has %d of %d groups", len(groups.sums), groups.last)
	var records []dcb.SequencedEvent
	for _, n := range w.nodes {
		if _, err := os.Stat(n.store()); errors.Is(err, fs.ErrNotExist) {
			continue // it was never added
		}
		if output, err := w.run("check", "--db-path", n.store()); err != nil {
			w.Errorf("node %d: umadb check: %v: %s", n.number, err, output)
		}
		own, err := w.compare(n, groups)
		if errors.Is(err, errShort) && !slices.Contains(known, n) {
			err = nil // it was removed
		}
		if err != nil {
			w.Errorf("node %d: %v", n.number, err)
		}
		if len(own) > len(records) {
			records = own
		}
	}
	violations := check(&w.history, records)
	for _, v := range violations[:min(len(violations), maxViolations)] {
		w.Error(v)
	}
	if len(violations) > maxViolations {
		w.Errorf("%d more violations", len(violations)-maxViolations)
	}
	w.checkErrors()
}

// awaitEqual waits until the nodes have everything that was acknowledged.
func (w *world) awaitEqual(nodes []*node) {
	for _, n := range nodes {
		c := newCaller(w, 4000+n.number)
		defer c.close()
		ctx, cancel := context.WithTimeout(w.Context(), recoveryPatience)
		defer cancel()
		if s := c.at(n); s == nil {
			w.Errorf("node %d cannot be reached", n.number)
		} else if _, err := s.Head(ctx); err != nil {
			w.Errorf("the last read of node %d: %v", n.number, err)
		}
	}
}

// checkErrors checks that no call failed with an error that no fault explains.
func (w *world) checkErrors() {
	reported := map[string]bool{}
	for _, c := range w.history.Calls {
		switch c.Kinds {
		case "", "integrity", "transport", "io":
		default:
			if !reported[c.Kinds] {
				w.Errorf("unexpected error: %s", c.name())
			}
			reported[c.Kinds] = true
		}
	}
}

// checkOutput checks that a node has neither ended because of a bug nor found corruption.
func (w *world) checkOutput(n *node) {
	text, err := os.ReadFile(n.output.Name())
	if err != nil {
		w.Error(err)
		return
	}
	for line := range strings.Lines(string(text)) {
		for _, bad := range []string{"panic:", "fatal error:", "DATA RACE", "does not continue the directory"} {
			if strings.Contains(line, bad) {
				w.Errorf("node %d printed: %s", n.number, line)
				return
			}
		}
	}
}

// decided are the groups that were decided.
type decided struct {
	last uint64            // index
	sums map[uint64]uint64 // checksums by index
}

// decided returns the groups that the shared log has. The first ones may have been trimmed.
func (w *world) decided() (*decided, error) {
	d := &decided{sums: map[uint64]uint64{}}
	err := w.withLog(func(ctx context.Context, log sharedlog.Log) error {
		last, err := log.Last(ctx)
		if err != nil {
			return err
		}
		d.last = last.Index
		first := 1 + sort.Search(int(last.Index), func(i int) bool {
			_, err := log.Read(ctx, uint64(i)+1)
			return !errors.Is(err, sharedlog.ErrTrimmed)
		})
		for next := uint64(first); next <= last.Index; {
			records, err := log.Read(ctx, next)
			if err != nil || len(records) == 0 {
				return fmt.Errorf("record %d of %d: %w", next, last.Index, err)
			}
			for _, r := range records {
				_, group, err := sharedlog.Decode(r.Bytes)
				if err != nil {
					return err
				}
				d.sums[r.Index] = sum(group)
				next = r.Index + 1
			}
		}
		return nil
	})
	return d, err
}

// agrees reports whether a node has the group that the shared log has, or that the nodes before
// have if it was trimmed.
func (d *decided) agrees(g *eventlog.Group) bool {
	own := sum(bytes.Join([][]byte{g.Header, g.Payload}, nil))
	want, known := d.sums[g.Index]
	if !known {
		d.sums[g.Index] = own
	}
	return g.Index <= d.last && (!known || own == want)
}

var polynomial = crc64.MakeTable(crc64.ECMA)

func sum(group []byte) uint64 { return crc64.Checksum(group, polynomial) }

// errShort means that a node does not have all groups.
var errShort = errors.New("the log of the node is not complete")

// compare compares the groups of a node with those that were decided, and returns its records.
func (w *world) compare(n *node, d *decided) (records []dcb.SequencedEvent, err error) {
	s, err := store.Open(n.store(), &store.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	count := uint64(0)
	for g, err := range s.Groups(w.Context(), eventlog.GroupID{}, false) {
		if err != nil {
			return nil, err
		}
		if count++; !d.agrees(&g) {
			return nil, fmt.Errorf("group %d is not that of the shared log, which has %d groups", g.Index, d.last)
		}
	}
	if count != d.last {
		err = fmt.Errorf("%w: %d of %d groups", errShort, count, d.last)
	}
	for r, failed := range s.Records(w.Context()) {
		if failed != nil {
			return records, failed
		}
		records = append(records, r)
	}
	return records, err
}
