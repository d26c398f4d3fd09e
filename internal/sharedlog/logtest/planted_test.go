package logtest_test

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// unlocked calls f without the lock.
func (c *client) unlocked(f func()) {
	c.mu.Unlock()
	defer c.mu.Lock()
	f()
}

// plantedBugs are the mistakes that adapters are most likely to make.
var plantedBugs = []bug{
	{
		name: "the comparison and the append are two requests",
		append: func(c *client, a appending) error {
			if c.last != a.after {
				return sharedlog.ErrConflict
			}
			c.unlocked(func() { time.Sleep(time.Millisecond) })
			c.put(a.after.Index+1, a.chain, a.record)
			return nil
		},
		rules: []string{
			"E1 agreement/of racing writers one wins each index",
			"E1 agreement/what was read stays",
			"E2 exact comparison/an append whose context ends is in its place or nowhere",
		},
	},
	{
		name: "only the index is compared",
		append: func(c *client, a appending) error {
			if c.last.Index == a.after.Index {
				a.after = c.last
			}
			return a.to(c)
		},
		rules: []string{
			"E2 exact comparison/an append after another chain is refused",
			"E2 exact comparison/an append after a lost append is refused",
			"origin/a log can start after a group",
		},
	},
	{
		name: "a record is created if it is absent, and trimmed records are absent",
		append: func(c *client, a appending) error {
			if c.records[a.after.Index+1] != nil || a.after.Index > c.last.Index {
				return sharedlog.ErrConflict
			}
			last := c.last
			c.put(a.after.Index+1, a.chain, a.record)
			if last.Index > c.last.Index {
				c.last = last
			}
			return nil
		},
		trim: func(c *client, through uint64) {
			for index := range min(through, c.last.Index) {
				delete(c.records, index+1)
			}
			c.trimmed = max(c.trimmed, min(through, c.last.Index))
		},
		rules: []string{"E2 exact comparison/a late append of a trimmed index is refused"},
	},
	{
		name: "an append is acknowledged without being stored",
		append: func(c *client, a appending) error {
			c.calls++
			if c.calls%20 == 0 && c.last == a.after {
				return nil
			}
			return a.to(c)
		},
		rules: []string{
			"E3 durable/every client reads what was appended",
			"E1 agreement/of racing writers one wins each index",
		},
	},
	{
		name: "the last records of a client are lost when it closes",
		append: func(c *client, a appending) error {
			err := a.to(c)
			if err == nil {
				c.appended = append(c.appended, a.after.Index+1)
			}
			return err
		},
		close: func(c *client) {
			if n := len(c.appended); n > 0 && c.appended[n-1] == c.last.Index {
				delete(c.records, c.last.Index)
				c.last.Index--
			}
		},
		rules: []string{"E3 durable/records remain when their writer closes"},
	},
	{
		name: "Last is the last record that the client has seen",
		append: func(c *client, a appending) error {
			err := a.to(c)
			c.known = c.last
			return err
		},
		last: func(c *client) sharedlog.Point {
			if c.calls++; c.calls%5 == 1 {
				c.known = c.last
			}
			return c.known
		},
		rules: []string{
			"E4 fresh Last/Last is the point of the last record",
			"E4 fresh Last/Last is not below an append that has returned",
		},
	},
	{
		name: "a read returns records that are not decided",
		append: func(c *client, a appending) error {
			next := a.after.Index + 1
			if c.records[next] != nil || c.last != a.after {
				return sharedlog.ErrConflict
			}
			c.records[next] = a.record
			c.unlocked(func() { time.Sleep(time.Millisecond) })
			delete(c.records, next)
			if rand.IntN(2) == 0 {
				return context.DeadlineExceeded
			}
			return a.to(c)
		},
		rules: []string{"E1 agreement/what was read stays"},
	},
	{
		name: "a read returns records in another order",
		read: func(c *client, from uint64) ([]sharedlog.Record, error) {
			records, err := c.readFrom(from)
			if n := len(records); n > 2 {
				records[n-1], records[n-2] = records[n-2], records[n-1]
			}
			return records, err
		},
		rules: []string{
			"E5 dense and in order/a read returns consecutive records from its start",
			"E3 durable/every client reads what was appended",
		},
	},
	{
		name: "records are truncated",
		append: func(c *client, a appending) error {
			if len(a.record) < naiveMaxRecord {
				a.record = a.record[:min(len(a.record), 65_535)]
			}
			return a.to(c)
		},
		rules: []string{"E6 bounded/records of all sizes are stored"},
	},
	{
		name: "Wait never returns",
		wait: func(c *client, ctx context.Context) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-c.closed:
				return sharedlog.ErrClosed
			}
		},
		rules: []string{
			"waiting/Wait returns if there is a record",
			"waiting/Wait returns when a record is appended",
		},
	},
}
