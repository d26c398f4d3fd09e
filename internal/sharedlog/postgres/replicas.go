package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// Report implements sharedlog.Log. The clock is that of the server.
func (l *Log) Report(ctx context.Context, replica sharedlog.Replica) error {
	return l.call(ctx, "reporting to", func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, l.sql.report, replica.ID[:], replica.Address, replica.Program,
			int16(replica.Format), int64(replica.Applied), int64(replica.Durable))
		return err
	})
}

// Replicas implements sharedlog.Log.
func (l *Log) Replicas(ctx context.Context) (replicas []sharedlog.Replica, err error) {
	err = l.call(ctx, "reading the reports in", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, l.sql.replicas, sharedlog.ReportTTL.Seconds())
		if err != nil {
			return err
		}
		replicas, err = pgx.CollectRows(rows, scanReplica)
		return err
	})
	return replicas, err
}

func scanReplica(row pgx.CollectableRow) (r sharedlog.Replica, err error) {
	var id []byte
	var format int16
	var applied, durable int64
	if err := row.Scan(&id, &r.Address, &r.Program, &format, &applied, &durable); err != nil {
		return r, err
	}
	if copy(r.ID[:], id) != len(r.ID) {
		return r, errors.New("the ID of a replica does not have 16 bytes")
	}
	r.Format, r.Applied, r.Durable = uint8(format), uint64(applied), uint64(durable)
	return r, nil
}
