package logtest_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// furtherBugs are bugs that the planted ones do not cover.
var furtherBugs = []bug{
	{
		name:        "a log is created when it is used",
		createsLogs: true,
		rules:       []string{"origin/a log that was not created is missing"},
	},
	{
		name: "a second Create replaces the log",
		create: func(c *client, origin sharedlog.Origin) (sharedlog.Origin, error) {
			c.create(origin)
			return origin, nil
		},
		rules: []string{"origin/a log is created once", "origin/concurrent calls create one log"},
	},
	{
		name: "a second Create fails",
		create: func(c *client, origin sharedlog.Origin) (sharedlog.Origin, error) {
			if c.origin != nil {
				return sharedlog.Origin{}, fmt.Errorf("the log exists")
			}
			c.create(origin)
			return origin, nil
		},
		rules: []string{
			"origin/the origin is the one with which the log was created",
			"origin/a log is created once",
			"origin/concurrent calls create one log",
		},
	},
	{
		name: "the chain of the origin is not kept",
		create: func(c *client, origin sharedlog.Origin) (sharedlog.Origin, error) {
			c.create(origin)
			c.last.Chain = 0
			return origin, nil
		},
		rules: []string{"origin/a log can start after a group"},
	},
	{
		name: "an append after a later index is accepted",
		append: func(c *client, a appending) error {
			if a.after.Index > c.last.Index {
				c.put(a.after.Index+1, a.chain, a.record)
				return nil
			}
			return a.to(c)
		},
		rules: []string{"E2 exact comparison/an append after another index is refused"},
	},
	{
		name: "an append that is sent again is added again",
		append: func(c *client, a appending) error {
			if bytes.Equal(c.records[a.after.Index+1], a.record) {
				a.after = c.last
			}
			return a.to(c)
		},
		rules: []string{"E2 exact comparison/an append that is sent again adds nothing"},
	},
	{
		name: "an append whose context has ended is added at the end",
		append: func(c *client, a appending) error {
			c.unlocked(func() { time.Sleep(time.Millisecond) })
			if a.ctx.Err() != nil {
				c.put(c.last.Index+1, a.chain, a.record)
				return a.ctx.Err()
			}
			return a.to(c)
		},
		rules: []string{"E2 exact comparison/an append whose context ends is in its place or nowhere"},
	},
	{
		name: "Last is the last record that was acknowledged",
		append: func(c *client, a appending) error {
			if err := a.to(c); err != nil {
				return err
			}
			last := c.last
			c.unlocked(func() { time.Sleep(time.Millisecond) })
			c.answered = last
			return nil
		},
		last:  func(c *client) sharedlog.Point { return c.answered },
		rules: []string{"E4 fresh Last/Last is not below a record that was read"},
	},
	{
		name: "the log keeps the bytes of its caller",
		append: func(c *client, a appending) error {
			err := a.to(c)
			if err == nil {
				c.records[a.after.Index+1] = a.record
			}
			return err
		},
		rules: []string{"E3 durable/bytes are owned by the caller"},
	},
	{
		name: "the log shares its bytes with readers",
		read: func(c *client, from uint64) ([]sharedlog.Record, error) {
			records, err := c.readFrom(from)
			for i := range records {
				records[i].Bytes = c.records[records[i].Index]
			}
			return records, err
		},
		rules: []string{"E3 durable/bytes are owned by the caller"},
	},
	{
		name: "a read after the end fails",
		read: func(c *client, from uint64) ([]sharedlog.Record, error) {
			if from > c.last.Index+1 {
				return nil, sharedlog.ErrTrimmed
			}
			return c.readFrom(from)
		},
		rules: []string{"E5 dense and in order/a read after the end returns nothing"},
	},
	{
		name: "a read after the end returns the last record",
		read: func(c *client, from uint64) ([]sharedlog.Record, error) {
			return c.readFrom(min(from, max(c.last.Index, 1)))
		},
		rules: []string{"E5 dense and in order/a read after the end returns nothing"},
	},
	{
		name: "a read of a trimmed record starts at the first one that there is",
		read: func(c *client, from uint64) ([]sharedlog.Record, error) {
			return c.readFrom(max(from, c.trimmed+1))
		},
		rules: []string{
			"E5 dense and in order/a read beside trims has no gap",
			"E6 bounded/trimmed records are gone and others remain",
		},
	},
	{
		name: "bytes that are not UTF-8 are replaced",
		append: func(c *client, a appending) error {
			a.record = []byte(strings.ToValidUTF8(string(a.record), "?"))
			return a.to(c)
		},
		rules: []string{"E6 bounded/records of any bytes are stored"},
	},
	{
		name: "records of any size are accepted",
		append: func(c *client, a appending) error {
			if c.last != a.after {
				return sharedlog.ErrConflict
			}
			c.put(a.after.Index+1, a.chain, a.record)
			return nil
		},
		rules: []string{"E6 bounded/a larger record is refused"},
	},
	{
		name: "a read returns everything",
		read: func(c *client, from uint64) (found []sharedlog.Record, err error) {
			for {
				records, err := c.readFrom(from)
				if len(records) == 0 {
					return found, err
				}
				found = append(found, records...)
				from += uint64(len(records))
			}
		},
		rules: []string{"E6 bounded/the answer of a read is bounded"},
	},
	{
		name: "a read is bounded by records only",
		read: func(c *client, from uint64) (found []sharedlog.Record, err error) {
			for ; c.records[from] != nil && len(found) < sharedlog.ReadRecords; from++ {
				found = append(found, sharedlog.Record{Index: from, Bytes: c.records[from]})
			}
			return found, nil
		},
		rules: []string{"E6 bounded/the answer of a read is bounded"},
	},
	{
		name: "a trim sets the first index",
		trim: func(c *client, through uint64) { c.trimmed = through },
		rules: []string{
			"E6 bounded/a trim of what was trimmed changes nothing",
			"E6 bounded/a trim after the end removes nothing that is added later",
		},
	},
	{
		name: "a trim removes one record too many",
		trim: func(c *client, through uint64) {
			c.trimmed = max(c.trimmed, min(through+1, c.last.Index))
		},
		rules: []string{"E6 bounded/trimmed records are gone and others remain"},
	},
	{
		name: "a trim of all records moves Last",
		trim: func(c *client, through uint64) {
			if through >= c.last.Index {
				c.last = sharedlog.Point{}
			}
			c.trimmed = max(c.trimmed, through)
		},
		rules: []string{
			"E2 exact comparison/a late append of a trimmed index is refused",
			"E6 bounded/a trim after the end removes nothing that is added later",
		},
	},
	{
		name:  "Wait returns at once",
		wait:  func(_ *client, ctx context.Context) error { return ctx.Err() },
		rules: []string{"waiting/Wait does not return all the time"},
	},
	{
		name: "Wait ignores its context",
		wait: func(c *client, _ context.Context) error {
			select {
			case <-time.After(time.Minute):
			case <-c.closed:
			}
			return nil
		},
		rules: []string{"contexts/Wait returns when its context is done"},
	},
	{
		name: "Wait ignores Close",
		wait: func(_ *client, ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		},
		rules: []string{"closing/Close ends Wait"},
	},
	{
		name:            "contexts are ignored",
		ignoresContexts: true,
		rules:           []string{"contexts/a call whose context is done returns an error"},
	},
	{
		name:             "a closed client can be used",
		usableAfterClose: true,
		rules:            []string{"closing/a closed client refuses calls"},
	},
	{
		name:       "a second Close fails",
		closesOnce: true,
		rules:      []string{"closing/a closed client refuses calls"},
	},
	{
		name: "a report does not replace the one before",
		report: func(c *client, replica sharedlog.Replica) sharedlog.Replica {
			if before, ok := c.reports[replica.ID]; ok {
				return before
			}
			return replica
		},
		rules: []string{"replicas/every client sees the last report of each replica"},
	},
	{
		name: "indexes of a report are floats",
		report: func(_ *client, replica sharedlog.Replica) sharedlog.Replica {
			replica.Applied = uint64(float64(replica.Applied))
			return replica
		},
		rules: []string{"replicas/every client sees the last report of each replica"},
	},
	{
		name:  "reports never expire",
		ttl:   time.Hour,
		rules: []string{"replicas/a report expires"},
	},
	{
		name:  "reports expire between two of them",
		ttl:   2 * time.Second,
		rules: []string{"replicas/a report expires"},
	},
	{
		name:  "reports expire early",
		ttl:   10 * time.Second,
		rules: []string{"replicas/a report expires"},
	},
}
