package project_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/umadb-go/umadb/internal/sharedlog/postgres/pgtest"
	"github.com/umadb-go/umadb/project"
	"github.com/umadb-go/umadb/umadbtest"
)

// orderTable is a target in PostgreSQL: what each customer has ordered. It has a connection for
// each call, because the test cuts them.
type orderTable struct{ url string }

func (o orderTable) connected(ctx context.Context, f func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, o.url)
	if err != nil {
		return err
	}
	return errors.Join(f(conn), conn.Close(ctx))
}

func (o orderTable) create(ctx context.Context) error {
	return o.connected(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `
			CREATE TABLE turnover (customer TEXT PRIMARY KEY, amount BIGINT NOT NULL);
			CREATE TABLE progress (position BIGINT NOT NULL);
			INSERT INTO progress VALUES (0)`)
		return err
	})
}

func (o orderTable) Position(ctx context.Context) (position uint64, err error) {
	err = o.connected(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT position FROM progress").Scan(&position)
	})
	return position, err
}

func (o orderTable) Handle(ctx context.Context, batch project.Batch) error {
	return o.connected(ctx, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return store(ctx, tx, batch) })
	})
}

func store(ctx context.Context, tx pgx.Tx, batch project.Batch) error {
	// If another instance has handled the batch, no row has this position.
	updated, err := tx.Exec(ctx, "UPDATE progress SET position = $1 WHERE position = $2", batch.Position, batch.After)
	if err != nil {
		return err
	}
	if updated.RowsAffected() == 0 {
		return errOtherInstance
	}
	for _, event := range batch.Events {
		value, err := events.Decode(event.Event)
		if err != nil {
			return err
		}
		order := value.(OrderPlaced)
		if _, err := tx.Exec(ctx, `
			INSERT INTO turnover VALUES ($1, $2)
			ON CONFLICT (customer) DO UPDATE SET amount = turnover.amount + excluded.amount`, order.Customer, order.Amount); err != nil {
			return err
		}
	}
	return nil
}

// Two instances compete, and connections are cut in the middle of transactions. Each order
// counts once.
func TestProjectionIntoPostgreSQL(t *testing.T) {
	target := orderTable{pgtest.Start(t, 0).URL()}
	if err := target.create(t.Context()); err != nil {
		t.Fatal(err)
	}
	const orders = 100
	store := umadbtest.NewStore(t)
	for i := range orders {
		encoded, err := events.Encode(OrderPlaced{fmt.Sprint("customer", i%7), 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Append(t.Context(), encoded, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	cutting, stopCutting := context.WithCancel(t.Context())
	cut := make(chan error)
	go func() { cut <- target.cutTransactions(cutting) }()
	ctx, progress := until(t.Context(), orders)
	ended := make(chan error)
	for range 2 {
		go func() {
			ended <- project.Run(ctx, store, placed, target, &project.Options{BatchEvents: 4, Attempts: 1000, Progress: progress})
		}()
	}
	for range 2 {
		// The end of the other instance does not end a batch, which can still be cut.
		if err := <-ended; err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	}
	stopCutting()
	if err := <-cut; err != nil {
		t.Error(err)
	}
	var sum, position int
	err := target.connected(t.Context(), func(conn *pgx.Conn) error {
		return conn.QueryRow(t.Context(), "SELECT sum(amount), max(position) FROM turnover, progress").Scan(&sum, &position)
	})
	if err != nil || sum != orders || position != orders {
		t.Errorf("the turnover is %d at position %d, %v; want %d", sum, position, err, orders)
	}
}

// cutTransactions closes the connections that are in a transaction, until ctx is done.
func (o orderTable) cutTransactions(ctx context.Context) error {
	return o.connected(context.WithoutCancel(ctx), func(conn *pgx.Conn) error {
		for pause := 30 * time.Millisecond; ctx.Err() == nil; pause += time.Millisecond {
			if _, err := conn.Exec(context.Background(), `
				SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE pid <> pg_backend_pid() AND xact_start IS NOT NULL`); err != nil {
				return err
			}
			time.Sleep(pause) // so that some transactions succeed, on any machine at last
		}
		return nil
	})
}
