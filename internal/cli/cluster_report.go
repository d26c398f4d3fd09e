package cli

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/cluster"
)

// The results of a comparison of a shared log with a copy.
const (
	resultEqual     = "equal"
	resultAhead     = "ahead"     // the log has lost groups that the copy has
	resultDifferent = "different" // from a group on
	resultUnknown   = "unknown"   // it was not compared
)

// verifyReport is the output of cluster verify.
type verifyReport struct {
	OK        bool             `json:"ok"`
	Log       string           `json:"log"`
	Store     string           `json:"store"`
	First     uint64           `json:"first"` // index of the first group that the log has
	Last      uint64           `json:"last"`  // index of its last group
	Servers   []serverReport   `json:"servers"`
	Directory *directoryReport `json:"directory,omitempty"`
}

// copyReport is the result of the comparison with a copy.
type copyReport struct {
	Result     string              `json:"result"`
	Equal      uint64              `json:"equal_to"` // index of the last group that is known to be equal
	Difference *cluster.Difference `json:"difference,omitempty"`
	Error      string              `json:"error,omitempty"` // why it was not compared
	err        error
}

// serverReport is the result for a server.
type serverReport struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Applied uint64 `json:"applied"` // index of the last group that it has reported
	copyReport
}

// directoryReport is the result for a directory.
type directoryReport struct {
	Path string `json:"db_path"`
	Last uint64 `json:"last"` // index of its last group
	copyReport
}

// set sets the result from that of a comparison.
func (r *copyReport) set(c cluster.Comparison, err error) {
	r.Result, r.Equal, r.Difference = resultEqual, c.Equal, c.Difference
	switch {
	case err != nil:
		r.Result, r.Error, r.err = resultUnknown, err.Error(), err
	case c.Difference != nil:
		r.Result = resultDifferent
	case c.Ahead:
		r.Result = resultAhead
	}
}

// copies returns the results for all copies.
func (r *verifyReport) copies() (all []*copyReport) {
	for i := range r.Servers {
		all = append(all, &r.Servers[i].copyReport)
	}
	if r.Directory != nil {
		all = append(all, &r.Directory.copyReport)
	}
	return all
}

// failure returns nil if all copies are equal to the log.
func (r *verifyReport) failure() error {
	var unknown error
	count := map[string]int{}
	for _, c := range r.copies() {
		if count[c.Result]++; c.err != nil && (unknown == nil || errors.Is(c.err, dcb.ErrCorruption)) {
			unknown = c.err
		}
	}
	switch {
	case count[resultDifferent] > 0:
		return &dcb.Error{Kind: dcb.ErrCorruption, Detail: "the histories differ; stop the servers that differ, and choose the history that is right"}
	case count[resultAhead] > 0:
		return &dcb.Error{Kind: dcb.ErrCorruption, Detail: "the shared log has lost commits; see umadb cluster repair"}
	case unknown != nil:
		return notCompared(unknown)
	case len(r.copies()) == 0:
		return &dcb.Error{Kind: dcb.ErrTransport, Detail: "nothing was compared, because no server has reported to the shared log; start the servers, or name the directory of one with --db-path"}
	}
	return nil
}

// notCompared returns the error if a copy was not compared, of the kind of its cause.
func notCompared(cause error) error {
	kind := dcb.ErrTransport
	for _, other := range []error{dcb.ErrCorruption, dcb.ErrAuthentication} {
		if errors.Is(cause, other) {
			kind = other
		}
	}
	return &dcb.Error{Kind: kind, Detail: "not all copies were compared with the shared log"}
}

func (r *verifyReport) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "log %s, %s\n", r.Log, rangeText(r.First, r.Last))
	if len(r.Servers) > 0 {
		table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "SERVER\tADDRESS\tAPPLIED\tRESULT")
		for _, s := range r.Servers {
			fmt.Fprintf(table, "%.8s\t%s\t%d\t%s\n", s.ID, EscapeControl(s.Address), s.Applied, s.summary())
		}
		table.Flush()
	}
	for _, s := range r.Servers {
		if s.Difference != nil {
			b.WriteString(differenceText(s.Difference, "server "+EscapeControl(s.Address)))
		}
	}
	if d := r.Directory; d != nil {
		fmt.Fprintf(&b, "%s, up to group %d: %s\n", d.Path, d.Last, d.summary())
		if d.Difference != nil {
			b.WriteString(differenceText(d.Difference, d.Path))
		}
	}
	return b.String()
}

func rangeText(first, last uint64) string {
	if first > last {
		return fmt.Sprintf("without a group after %d", last)
	}
	return fmt.Sprintf("with groups %d to %d", first, last)
}

// summary returns the result in a few words.
func (r *copyReport) summary() string {
	switch r.Result {
	case resultEqual:
		return fmt.Sprintf("equal up to group %d", r.Equal)
	case resultAhead:
		return fmt.Sprintf("AHEAD: the log has lost what follows group %d", r.Equal)
	case resultDifferent:
		return "DIFFERENT"
	}
	return "not compared: " + EscapeControl(r.Error)
}

// differenceText describes where two histories differ, so that a person can choose one.
func differenceText(d *cluster.Difference, of string) string {
	before := " or before"
	if d.Exact {
		before = ""
	}
	text := fmt.Sprintf("%s differs from group %d%s on\n", of, d.From, before)
	for _, side := range []struct {
		name  string
		entry *cluster.Entry
	}{{"shared log", d.Log}, {of, d.Copy}} {
		if e := side.entry; e != nil {
			text += fmt.Sprintf("  %s: group %d with %s from position %d, committed at %s\n",
				side.name, e.Index, plural(uint64(e.Events), "event"), e.Position, e.Time.Format(time.RFC3339Nano))
		}
	}
	return text
}
