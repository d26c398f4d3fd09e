package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/umadb-go/umadb/internal/retry"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// Read implements sharedlog.Log.
func (l *Log) Read(ctx context.Context, from uint64) (records []sharedlog.Record, err error) {
	err = l.call(ctx, "reading", func(ctx context.Context, conn *pgx.Conn) error {
		if err := l.settle(ctx, conn); err != nil {
			return err
		}
		records, err = l.readFrom(ctx, conn, from)
		return err
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// settle makes what is visible durable, if an append of this client had an unknown outcome.
func (l *Log) settle(ctx context.Context, conn *pgx.Conn) error {
	doubts := l.doubts.Load()
	if doubts == l.settled.Load() {
		return nil
	}
	if _, err := l.barrier(ctx, conn); err != nil {
		return err
	}
	if err := notReplicated(conn); err != nil {
		return err
	}
	for {
		settled := l.settled.Load()
		if settled >= doubts || l.settled.CompareAndSwap(settled, doubts) {
			return nil
		}
	}
}

func (l *Log) readFrom(ctx context.Context, conn *pgx.Conn, from uint64) (records []sharedlog.Record, err error) {
	start := int64(min(from, math.MaxInt64))
	rows, err := conn.Query(ctx, l.sql.read, start, sharedlog.ReadRecords, sharedlog.ReadBytes)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	exists := false
	for rows.Next() {
		exists = true
		var trimmed int64
		var index *int64
		var bytes []byte
		if err := rows.Scan(&trimmed, &index, &bytes); err != nil {
			return nil, err
		}
		switch {
		case start <= trimmed:
			return nil, fmt.Errorf("%w: %d", sharedlog.ErrTrimmed, from)
		case index == nil: // after the end
		case *index != start+int64(len(records)):
			return nil, fmt.Errorf("record %d is missing: the next one is %d", start+int64(len(records)), *index)
		default:
			records = append(records, sharedlog.Record{Index: uint64(*index), Bytes: bytes})
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if !exists {
		return nil, pgx.ErrNoRows
	}
	return records, nil
}

// Wait implements sharedlog.Log.
func (l *Log) Wait(ctx context.Context, after uint64) error {
	l.listening.Do(func() { go l.listen() })
	return l.tail.Wait(ctx, after, sharedlog.Polling{Interval: l.poll, Look: l.look, Closed: l.closing.Done()})
}

// look reads the last index, as visible on this connection.
func (l *Log) look(ctx context.Context) error {
	var last int64
	err := l.call(ctx, "waiting for", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, l.sql.last).Scan(&last)
	})
	if err == nil {
		l.tail.Raise(uint64(last))
	}
	return err
}

// listen receives notifications until Close. Without a connection, Wait polls.
func (l *Log) listen() {
	for l.closing.Err() == nil {
		if l.receive(l.closing) != nil {
			_ = retry.Wait(l.closing, l.poll)
		}
	}
}

// receive receives notifications until an error.
func (l *Log) receive(ctx context.Context) error {
	conn, err := l.pool.acquire(ctx)
	if err != nil {
		return err
	}
	defer l.pool.release(ctx, conn)
	l.pool.listen(conn)
	defer conn.Close(ctx) // else it would keep listening in the pool
	starting, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if _, err := conn.Exec(starting, "LISTEN "+pgx.Identifier{channelPrefix + l.sql.schema}.Sanitize()); err != nil {
		return err
	}
	for {
		notification, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		last, err := strconv.ParseUint(notification.Payload, 10, 64)
		if err != nil {
			return errors.New("a notification is not the index of a record")
		}
		l.tail.Raise(last)
	}
}
