package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// maxSchema is the maximum length of the name of a schema: with channelPrefix it is the name of
// a channel, which has at most 63 bytes.
const maxSchema = 50

const channelPrefix = "umadb_"

// tables creates the tables of a log. The head has one row and is updated by each append:
// free space in its page allows to do that without a new index entry. Records are compressed
// by their writer. Indexes and chains are unsigned elsewhere; their bits are stored.
const tables = `
CREATE TABLE $head (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	last bigint NOT NULL,
	chain bigint NOT NULL,
	trimmed bigint NOT NULL,
	barrier bigint NOT NULL DEFAULT 0,
	log bytea NOT NULL,
	store bytea NOT NULL,
	origin_last bigint NOT NULL,
	origin_chain bigint NOT NULL
) WITH (fillfactor = 10);
CREATE TABLE $record (
	idx bigint PRIMARY KEY,
	bytes bytea NOT NULL
);
ALTER TABLE $record ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE TABLE $replica (
	id bytea PRIMARY KEY,
	address text NOT NULL,
	program text NOT NULL,
	format smallint NOT NULL,
	applied bigint NOT NULL,
	durable bigint NOT NULL,
	reported timestamptz NOT NULL
);`

// statements are the statements of a log, with the names of its tables.
type statements struct {
	schema                                      string
	create, begin, origin, append, read, last   string
	barrier, setTrimmed, trim, report, replicas string
}

func newStatements(schema string) statements {
	name := func(table string) string { return pgx.Identifier{schema, table}.Sanitize() }
	names := strings.NewReplacer("$head", name("umadb_head"), "$record", name("umadb_record"),
		"$replica", name("umadb_replica"), "$channel", "'"+channelPrefix+schema+"'")
	return statements{
		schema: schema,
		create: names.Replace(tables),
		begin: names.Replace(`INSERT INTO $head (last, chain, trimmed, log, store, origin_last, origin_chain)
			VALUES ($1, $2, $1, $3, $4, $1, $2)`),
		origin: names.Replace(`SELECT log, store, origin_last, origin_chain FROM $head`),
		// One statement compares and adds. An update that waits for the row lock compares
		// again with the row that it then finds.
		append: names.Replace(`WITH moved AS (
				UPDATE $head SET last = $3, chain = $4 WHERE last = $1 AND chain = $2 RETURNING last
			), added AS (
				INSERT INTO $record (idx, bytes) SELECT last, $5 FROM moved RETURNING idx
			)
			SELECT pg_notify($channel, idx::text) FROM added`),
		// The sizes are known without reading the records. One statement has one snapshot, so
		// that records which it does not find because of a trim are below trimmed.
		read: names.Replace(`SELECT h.trimmed, r.idx, r.bytes FROM $head h LEFT JOIN (
				SELECT idx, bytes, sum(octet_length(bytes)) OVER (ORDER BY idx) - octet_length(bytes) AS before
				FROM (SELECT idx, bytes FROM $record WHERE idx >= $1 ORDER BY idx LIMIT $2) AS found
			) AS r ON r.before < $3
			ORDER BY r.idx`),
		last:       names.Replace(`SELECT last FROM $head`),
		barrier:    names.Replace(`UPDATE $head SET barrier = barrier + 1 RETURNING last, chain`),
		setTrimmed: names.Replace(`UPDATE $head SET trimmed = greatest(trimmed, least(last, $1)) RETURNING trimmed`),
		trim: names.Replace(`DELETE FROM $record WHERE idx IN (
				SELECT idx FROM $record WHERE idx <= $1 ORDER BY idx LIMIT $2)`),
		report: names.Replace(`INSERT INTO $replica VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())
			ON CONFLICT (id) DO UPDATE SET address = excluded.address, program = excluded.program,
				format = excluded.format, applied = excluded.applied, durable = excluded.durable,
				reported = excluded.reported`),
		replicas: names.Replace(`SELECT id, address, program, format, applied, durable FROM $replica
			WHERE reported > clock_timestamp() - make_interval(secs => $1)`),
	}
}

// Create implements sharedlog.Log.
func (l *Log) Create(ctx context.Context, origin sharedlog.Origin) (have sharedlog.Origin, err error) {
	err = l.call(ctx, "creating", func(ctx context.Context, conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			have, err = l.createIn(ctx, tx, origin)
			return err
		})
	})
	return have, err
}

// createIn creates the log, unless there is one, and returns its origin. The advisory lock makes
// concurrent calls wait for each other until their transactions end.
func (l *Log) createIn(ctx context.Context, tx pgx.Tx, origin sharedlog.Origin) (sharedlog.Origin, error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, channelPrefix+l.sql.schema); err != nil {
		return sharedlog.Origin{}, err
	}
	var hasSchema, hasLog bool
	err := tx.QueryRow(ctx, `SELECT count(n.oid) > 0, count(c.oid) > 0
		FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'umadb_head'
		WHERE n.nspname = $1`, l.sql.schema).Scan(&hasSchema, &hasLog)
	switch {
	case err != nil:
		return sharedlog.Origin{}, err
	case hasLog:
		return l.readOrigin(ctx, tx)
	case !hasSchema:
		if _, err := tx.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{l.sql.schema}.Sanitize()); err != nil {
			return sharedlog.Origin{}, err
		}
	}
	for statement := range strings.SplitSeq(l.sql.create, ";\n") {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return sharedlog.Origin{}, err
		}
	}
	point := origin.Point
	_, err = tx.Exec(ctx, l.sql.begin, int64(point.Index), int64(point.Chain), origin.Log[:], origin.Store[:])
	return origin, err
}

// Origin implements sharedlog.Log.
func (l *Log) Origin(ctx context.Context) (origin sharedlog.Origin, err error) {
	err = l.call(ctx, "reading the origin of", func(ctx context.Context, conn *pgx.Conn) error {
		origin, err = l.readOrigin(ctx, conn)
		return err
	})
	return origin, err
}

// querier is a connection or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (l *Log) readOrigin(ctx context.Context, q querier) (origin sharedlog.Origin, err error) {
	var log, store []byte
	var index, chain int64
	if err := q.QueryRow(ctx, l.sql.origin).Scan(&log, &store, &index, &chain); err != nil {
		return origin, err
	}
	if len(log) != len(origin.Log) || len(store) != len(origin.Store) {
		return origin, errors.New("the IDs of the origin do not have 16 bytes")
	}
	copy(origin.Log[:], log)
	copy(origin.Store[:], store)
	origin.Point = sharedlog.Point{Index: uint64(index), Chain: uint64(chain)}
	return origin, nil
}

// checkSchema returns an error if a schema cannot be used without doubt in every statement.
func checkSchema(schema string) error {
	valid := len(schema) > 0 && len(schema) <= maxSchema
	for i, c := range []byte(schema) {
		valid = valid && (c == '_' || 'a' <= c && c <= 'z' || i > 0 && '0' <= c && c <= '9')
	}
	if !valid {
		return fmt.Errorf("invalid schema %q: it must have 1 to %d characters a-z, 0-9 and _, and not start with a digit", schema, maxSchema)
	}
	return nil
}
