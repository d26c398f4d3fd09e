package cli

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/eventlog"
)

// explainCopy adds to the error of a copy what is durable in it. After an error of writing,
// that is less than what was copied.
func explainCopy(err error, copied *backup.Summary, durable eventlog.Tail) error {
	text := "copied and durable: " + copiedText(copied)
	if durable != copied.Tail {
		text = fmt.Sprintf("the copy is durable up to position %d", durable.Next-1)
	}
	switch {
	case errors.Is(err, dcb.ErrIntegrity) && copied.Groups == 0:
		return err
	case errors.Is(err, dcb.ErrIntegrity), errors.Is(err, dcb.ErrCorruption):
		return fmt.Errorf("%w; %s", err, text)
	}
	return fmt.Errorf("%w; %s; run the same command again to continue", err, text)
}

func copiedText(s *backup.Summary) string {
	return fmt.Sprintf("%s with %s (%s)", plural(s.Groups, "commit"), plural(s.Events, "event"), bytesText(s.Bytes))
}

// copied is the JSON output of backup and restore.
type copied struct {
	Groups  uint64     `json:"groups"` // number of commit groups
	Events  uint64     `json:"events"` // number of events
	Bytes   uint64     `json:"bytes"`  // of the groups
	Head    uint64     `json:"head"`   // position of the last event of the copy
	Time    *time.Time `json:"time"`   // of the last commit of the copy; null if it has none, or if nothing was copied to an object store
	LastOne uint64     `json:"last_group"`
	Seconds float64    `json:"seconds"`
}

func newCopied(s *backup.Summary, took time.Duration) *copied {
	c := &copied{Groups: s.Groups, Events: s.Events, Bytes: s.Bytes, Head: s.Tail.Next - 1, LastOne: s.Tail.Index, Seconds: took.Seconds()}
	if s.Tail.Index > 0 && s.Tail.Time > 0 {
		at := time.Unix(0, s.Tail.Time).UTC()
		c.Time = &at
	}
	return c
}

// end describes where the copy ends.
func (c *copied) end() string {
	if c.LastOne == 0 {
		return "is empty"
	}
	if c.Time == nil {
		return fmt.Sprintf("ends at position %d", c.Head)
	}
	return fmt.Sprintf("ends at position %d, committed at %s", c.Head, c.Time.Format(time.RFC3339Nano))
}

// backupNotices prints what happens during a backup.
type backupNotices struct {
	stderr io.Writer
	bar    *progress
	head   uint64 // of the source at the start
}

// Progress moves the progress bar.
func (n *backupNotices) Progress(s backup.Summary) {
	n.bar.show(s.Tail.Next-1, max(n.head, s.Tail.Next-1))
}

// CaughtUp prints that the copy is complete for now.
func (n *backupNotices) CaughtUp(s backup.Summary) {
	n.bar.clear()
	n.bar = newProgress(io.Discard, "", "")
	fmt.Fprintf(n.stderr, "umadb: caught up at position %d; following until Ctrl-C\n", s.Tail.Next-1)
}

// Lost prints why the server cannot be reached.
func (n *backupNotices) Lost(err error) {
	fmt.Fprintf(n.stderr, "umadb: %v; retrying until the server is reachable, or Ctrl-C\n", err)
}

// Retry prints that the object store cannot be reached.
func (n *backupNotices) Retry(err error) {
	fmt.Fprintf(n.stderr, "umadb: %v; retrying until the object store is reachable, or Ctrl-C\n", err)
}

// Reachable prints that the server is reachable again.
func (n *backupNotices) Reachable() { fmt.Fprintln(n.stderr, "umadb: the server is reachable again") }
