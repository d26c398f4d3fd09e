package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

const (
	// maxRecord is above the largest group with the default limits, 4 MiB and one request of
	// 16 MiB. PostgreSQL can store 1 GiB, but the server needs several times the size as memory
	// for each append, and so does a client for each read.
	maxRecord = 32 << 20
	// trimBatch is how many records one transaction deletes.
	trimBatch = 1000
	// closeTimeout is how long Close waits until the server has closed the connections.
	closeTimeout = time.Second
)

// Log is a client of a shared log in a database. It implements sharedlog.Log.
type Log struct {
	sql     statements
	poll    time.Duration
	storage bool
	pool    *pool
	alone   atomic.Bool // no synchronous standbys, when the last connection was opened

	// An append with an unknown outcome raises doubts. What a read finds may then be visible
	// without being on a standby, until a barrier has raised settled to the doubts before it.
	doubts, settled atomic.Uint64

	closing   context.Context // done after Close
	close     context.CancelFunc
	closeOnce sync.Once
	closed    chan struct{} // closed when the connections are

	listening sync.Once // starts listen
	tail      sharedlog.Tail
}

var _ sharedlog.Log = (*Log)(nil)

// Open connects to the database of a log, which need not exist. The URL is that of a server,
// with the additional parameters
//
//   - schema, the name of the schema with the log, by default "umadb";
//   - poll, how often Wait looks for records of which no notification has come, by default 1s;
//   - durability: "standbys", the default, or "storage" if the storage of the server is
//     replicated, so that the server needs no synchronous standbys.
//
// If the URL has no password, UMADB_LOG_PASSWORD may contain it. With several hosts, the
// primary is used. Open fails if the server cannot keep the promises of a shared log.
func Open(ctx context.Context, url string) (*Log, error) {
	s, err := parse(url)
	if err != nil {
		return nil, err
	}
	l := &Log{sql: newStatements(s.schema), poll: s.poll, storage: s.storage, closed: make(chan struct{})}
	l.closing, l.close = context.WithCancel(context.Background())
	configure(s.conn)
	l.pool = newPool(s.conn, l.prepare)
	err = l.call(ctx, "connecting to", func(context.Context, *pgx.Conn) error { return nil })
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Warnings returns what people should know about the server of the last connection.
func (l *Log) Warnings() []string {
	if l.storage || !l.alone.Load() {
		return nil
	}
	return []string{"the PostgreSQL server has no synchronous standbys: appends are lost if its disk is. " +
		"Set synchronous_standby_names, or durability=storage in the URL if its storage is replicated"}
}

// call calls f with a connection. An error of f, or a cancelled wait for a standby, is an error
// of the call.
func (l *Log) call(ctx context.Context, doing string, f func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.closing, func() { cancel(sharedlog.ErrClosed) })()
	err := l.try(ctx, f)
	switch {
	case err == nil:
		return nil
	case l.closing.Err() != nil:
		err = sharedlog.ErrClosed
	case isMissing(err):
		err = fmt.Errorf("%w in schema %s", sharedlog.ErrNoLog, l.sql.schema)
	default:
		err = explain(err)
	}
	return fmt.Errorf("%s the shared log in PostgreSQL: %w", doing, err)
}

func (l *Log) try(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	if l.closing.Err() != nil {
		return sharedlog.ErrClosed
	}
	conn, err := l.pool.acquire(ctx)
	if err != nil {
		return err
	}
	defer l.pool.release(ctx, conn)
	defer l.pool.findPrimaryAfter(ctx, suspectAfter)()
	err = f(ctx, conn.Conn)
	return errors.Join(err, notReplicated(conn.Conn))
}

// Append implements sharedlog.Log.
func (l *Log) Append(ctx context.Context, after sharedlog.Point, chain uint64, record []byte) error {
	if len(record) > maxRecord {
		return fmt.Errorf("%w: %d bytes, over %d", sharedlog.ErrTooLarge, len(record), maxRecord)
	}
	last := int64(-1) // no index
	if after.Index < math.MaxInt64 {
		last = int64(after.Index)
	}
	var added int64
	err := l.call(ctx, "appending to", func(ctx context.Context, conn *pgx.Conn) error {
		tag, err := conn.Exec(ctx, l.sql.append, last, int64(after.Chain), last+1, int64(chain), record)
		added = tag.RowsAffected()
		return err
	})
	switch {
	case err != nil:
		l.doubts.Add(1)
		return err
	case added == 0:
		return fmt.Errorf("%w: %d", sharedlog.ErrConflict, after.Index)
	}
	return nil
}

// Last implements sharedlog.Log. Only a commit proves that the server is still the primary.
func (l *Log) Last(ctx context.Context) (last sharedlog.Point, err error) {
	err = l.call(ctx, "reading the end of", func(ctx context.Context, conn *pgx.Conn) error {
		last, err = l.barrier(ctx, conn)
		return err
	})
	return last, err
}

// barrier commits a change of the head row, and returns the last point. When it has returned,
// the standbys have everything that was visible before. The caller checks notReplicated.
func (l *Log) barrier(ctx context.Context, conn *pgx.Conn) (sharedlog.Point, error) {
	var index, chain int64
	err := conn.QueryRow(ctx, l.sql.barrier).Scan(&index, &chain)
	return sharedlog.Point{Index: uint64(index), Chain: uint64(chain)}, err
}

// Trim implements sharedlog.Log. Readers see the new boundary before the first record is
// deleted.
func (l *Log) Trim(ctx context.Context, through uint64) error {
	return l.call(ctx, "trimming", func(ctx context.Context, conn *pgx.Conn) error {
		var trimmed int64
		if err := conn.QueryRow(ctx, l.sql.setTrimmed, int64(min(through, math.MaxInt64))).Scan(&trimmed); err != nil {
			return err
		}
		for {
			tag, err := conn.Exec(ctx, l.sql.trim, trimmed, trimBatch)
			if err != nil || tag.RowsAffected() < trimBatch {
				return err
			}
		}
	})
}

// MaxRecord implements sharedlog.Log.
func (l *Log) MaxRecord() int { return maxRecord }

// Close implements sharedlog.Log.
func (l *Log) Close() error {
	l.closeOnce.Do(func() {
		l.close() // ends the calls in progress
		go func() {
			l.pool.close()
			close(l.closed)
		}()
	})
	select {
	case <-l.closed:
	case <-time.After(closeTimeout): // a server that does not answer; the driver gives up later
	}
	return nil
}
