package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// postgresSchema is a usual event table. A sequence assigns the positions, so
// transactions commit in another order than that of their positions. The transaction
// of an event is therefore what a reader remembers: it reads the events of those that are
// older than every transaction in progress.
//
// Serializable transactions lock what they have searched. With a pending list
// (fastupdate) that would be the whole index of the tags.
const postgresSchema = `
create table events (
	position bigint generated always as identity primary key,
	transaction xid8 not null default pg_current_xact_id(),
	type text not null,
	tags text[] not null,
	data bytea not null,
	id uuid not null
);
create index on events using gin (tags) with (fastupdate = off);
create index on events (type);
`

// postgresStatistics makes the planner expect events such as those of the benchmark. On
// a table that has never been analyzed it prefers worse plans.
const postgresStatistics = `
insert into events (type, tags, data, id)
select case when n % 1000 = 0 then 'OrderRefused' else 'OrderShipped' end, array['customer:' || lpad((n / 10)::text, 11, '0'), 'order:' || lpad(n::text, 14, '0')],
	decode(repeat('00', 150), 'hex'), gen_random_uuid()
from generate_series(1, 10000) as n;
analyze events;
truncate events restart identity;
`

const (
	postgresHorizon       = "(select pg_snapshot_xmin(pg_current_snapshot()))"
	postgresHorizonColumn = 5 // of the rows of a read

	// The tags of an event are one text, because an array has no rows of different length.
	postgresAppend = `
with appended as (
	insert into events (type, tags, data, id)
	select e.type, e.tags::text[], e.data, e.id
	from unnest($1::text[], $2::text[], $3::bytea[], $4::uuid[]) with ordinality as e(type, tags, data, id, number)
	%s
	order by e.number
	returning 1
)
select count(*), ` + postgresHorizon + `::text::bigint, %s from appended`

	// The index on the type is of no use for a condition, and would make it conflict with
	// every append, so the condition has an expression instead of the column.
	postgresCondition = `where not exists (
		select from events where type || '' = $5 and tags @> $6 and transaction >= $7::bigint::text::xid8
	)`
)

// What appending sessions set. A plan that was made for the empty table would scan it
// sequentially as long as the connection is open.
const postgresAppending = `
set default_transaction_isolation = 'serializable';
set enable_seqscan = off`

// The error codes of a transaction that must be repeated.
const (
	postgresSerializationFailure = "40001"
	postgresDeadlock             = "40P01"
)

// connect opens a connection. A connection can be used by one client at a time only.
func (postgres) connect(ctx context.Context, address string, data [][]byte) ([]client, error) {
	if len(data) > 1 {
		return nil, fmt.Errorf("%w: a connection makes one call at a time", errUnsupported)
	}
	conn, err := connectPostgres(ctx, address)
	if err != nil {
		return nil, err
	}
	return []client{&postgresClient{conn: conn, data: data[0]}}, nil
}

func connectPostgres(ctx context.Context, address string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("postgres://" + postgresUser + "@" + address + "/postgres?sslmode=disable")
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, config)
}

// postgresClient calls a PostgreSQL server. Its cursors are transaction ids.
type postgresClient struct {
	conn      *pgx.Conn
	data      []byte
	appending bool // whether the session is set up for appends
	announces bool // whether appends notify subscribers
}

// announce makes the appends of this client notify subscribers. All notifications of a
// server are in one queue, whose lock commits hold, so other workloads have none.
func (c *postgresClient) announce() { c.announces = true }

func (c *postgresClient) append(ctx context.Context, events []event, cond *condition) (uint64, error) {
	if !c.appending {
		if _, err := c.conn.Exec(ctx, postgresAppending); err != nil {
			return 0, err
		}
		c.appending = true
	}
	types := make([]string, len(events))
	tags := make([]string, len(events))
	data := make([][]byte, len(events))
	ids := make([]pgtype.UUID, len(events))
	for i := range events {
		e := &events[i]
		types[i] = e.eventType()
		tags[i] = "{" + customerOf(e.customer) + "," + orderOf(e.order) + "}"
		data[i] = c.data
		ids[i] = pgtype.UUID{Bytes: e.uuid(), Valid: true}
	}
	where, notify, args := "", "null", []any{types, tags, data, ids}
	if cond != nil {
		where = postgresCondition
		args = append(args, cond.eventType, cond.tags, int64(cond.after))
	}
	if c.announces {
		notify = "pg_notify('events', '')"
	}
	statement := fmt.Sprintf(postgresAppend, where, notify)
	for {
		var appended, horizon int64
		err := c.conn.QueryRow(ctx, statement, args...).Scan(&appended, &horizon, nil)
		switch {
		case mustRepeat(err):
		case err == nil && appended == 0:
			return 0, errConflict
		default:
			return uint64(horizon), err
		}
	}
}

// mustRepeat reports whether a transaction failed because of another one.
func mustRepeat(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && (failure.Code == postgresSerializationFailure || failure.Code == postgresDeadlock)
}

func (c *postgresClient) read(ctx context.Context, q *query, count func(events int64)) (events int64, cursor uint64, err error) {
	for {
		events, cursor, err = c.readOnce(ctx, q, count)
		if !mustRepeat(err) { // a session that appends also reads in serializable transactions
			return events, cursor, err
		}
	}
}

func (c *postgresClient) readOnce(ctx context.Context, q *query, count func(events int64)) (events int64, cursor uint64, err error) {
	statement, args := postgresRead(q)
	rows, err := c.conn.Query(ctx, statement, args...)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	const part = 256 // rows
	for rows.Next() {
		if events == 0 {
			// Without an event there is no horizon, but 0 has the same effect in a condition.
			var horizon int64
			if err := scanColumn(rows, postgresHorizonColumn, &horizon); err != nil {
				return 0, 0, err
			}
			cursor = uint64(horizon)
		}
		events++
		if events%part == 0 {
			count(part)
		}
	}
	count(events % part)
	return events, cursor, rows.Err()
}

// scanColumn decodes one column of a row.
func scanColumn(rows pgx.Rows, column int, into *int64) error {
	field := rows.FieldDescriptions()[column]
	return rows.Conn().TypeMap().Scan(field.DataTypeOID, field.Format, rows.RawValues()[column], into)
}

// postgresRead returns the statement for a query and its arguments.
func postgresRead(q *query) (statement string, args []any) {
	conditions := []string{"transaction < " + postgresHorizon}
	if q.eventType != "" {
		args = append(args, q.eventType)
		conditions = append(conditions, fmt.Sprintf("type = $%d", len(args)))
	}
	if len(q.tags) > 0 {
		args = append(args, q.tags)
		conditions = append(conditions, fmt.Sprintf("tags @> $%d", len(args)))
	}
	statement = "select position, type, tags, data, id, " + postgresHorizon + "::text::bigint from events where " +
		strings.Join(conditions, " and ") + " order by position"
	if q.backwards {
		statement += " desc"
	}
	if q.limit > 0 {
		args = append(args, int64(q.limit))
		statement += fmt.Sprintf(" limit $%d", len(args))
	}
	return statement, args
}

// subscribe reads new events after each notification, and otherwise from time to time: an
// event may not be visible yet when it is announced.
func (c *postgresClient) subscribe(ctx context.Context, received func(events int64)) error {
	const interval = time.Second
	if _, err := c.conn.Exec(ctx, "listen events"); err != nil {
		return err
	}
	for last := int64(0); ; {
		read, err := c.readAfter(ctx, &last)
		if err != nil {
			return err
		}
		received(read)
		if read > 0 {
			continue
		}
		wait, cancel := context.WithTimeout(ctx, interval)
		_, err = c.conn.WaitForNotification(wait)
		cancel()
		if err != nil && !pgconn.Timeout(err) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// readAfter reads the events after a position, and replaces it by that of the last one.
func (c *postgresClient) readAfter(ctx context.Context, last *int64) (events int64, err error) {
	rows, err := c.conn.Query(ctx, "select position, type, tags, data, id from events "+
		"where position > $1 and transaction < "+postgresHorizon+" order by position", *last)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		events++
		if err := scanColumn(rows, 0, last); err != nil {
			return events, err
		}
	}
	return events, rows.Err()
}

func (c *postgresClient) stored(ctx context.Context) (events int64, err error) {
	err = c.conn.QueryRow(ctx, "select count(*) from events").Scan(&events)
	return events, err
}

func (c *postgresClient) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c.conn.Close(ctx)
}
