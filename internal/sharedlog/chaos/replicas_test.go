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
	decided, err := w.decided()
	if err != nil {
		w.Errorf("reading the shared log: %v", err)
	}
	var records []dcb.SequencedEvent
	for _, n := range w.nodes {
		if _, err := os.Stat(n.store()); errors.Is(err, fs.ErrNotExist) {
			continue // it was never added
		}
		if output, err := w.run("check", "--db-path", n.store()); err != nil {
			w.Errorf("node %d: umadb check: %v: %s", n.number, err, output)
		}
		own, err := w.compare(n, decided)
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

// decided returns a checksum of each group of the shared log.
func (w *world) decided() (sums []uint64, err error) {
	err = w.withLog(func(ctx context.Context, log sharedlog.Log) error {
		last, err := log.Last(ctx)
		if err != nil {
			return err
		}
		for uint64(len(sums)) < last.Index {
			records, err := log.Read(ctx, uint64(len(sums))+1)
			if err != nil || len(records) == 0 {
				return fmt.Errorf("%d of %d records: %w", len(sums), last.Index, err)
			}
			for _, r := range records {
				_, group, err := sharedlog.Decode(r.Bytes)
				if err != nil {
					return err
				}
				sums = append(sums, sum(group))
			}
		}
		return nil
	})
	return sums, err
}

var polynomial = crc64.MakeTable(crc64.ECMA)

func sum(group []byte) uint64 { return crc64.Checksum(group, polynomial) }

// errShort means that a node does not have all groups.
var errShort = errors.New("the log of the node is not complete")

// compare compares the groups of a node with those of the shared log, and returns its records.
func (w *world) compare(n *node, decided []uint64) (records []dcb.SequencedEvent, err error) {
	s, err := store.Open(n.store(), &store.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	count := 0
	for g, err := range s.Groups(w.Context(), eventlog.GroupID{}, false) {
		if err != nil {
			return nil, err
		}
		if count == len(decided) || sum(bytes.Join([][]byte{g.Header, g.Payload}, nil)) != decided[count] {
			return nil, fmt.Errorf("group %d is not that of the shared log, which has %d groups", g.Index, len(decided))
		}
		count++
	}
	if count != len(decided) {
		err = fmt.Errorf("%w: %d of %d groups", errShort, count, len(decided))
	}
	for r, failed := range s.Records(w.Context()) {
		if failed != nil {
			return records, failed
		}
		records = append(records, r)
	}
	return records, err
}
