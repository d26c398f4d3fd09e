package postgres

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// testPool returns a pool of the servers of a URL, which dial connects to.
func testPool(t *testing.T, url string, dial func(ctx context.Context, network, address string) (net.Conn, error)) *pool {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc = dial
	return newPool(config, func(context.Context, *pgx.Conn) error { return nil })
}

// One host refuses connections, and the attempt at the other one does not return when ctx is done.
func TestConnectEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	refused, hangs := make(chan bool, 1), make(chan bool)
	defer close(hangs)
	var late atomic.Int64
	p := testPool(t, "postgres://127.0.0.1:1,127.0.0.1:2/?sslmode=disable", func(_ context.Context, _, address string) (net.Conn, error) {
		if address == "127.0.0.1:2" {
			<-hangs
			return nil, errors.New("hung")
		}
		if ctx.Err() != nil {
			late.Add(1)
		}
		select {
		case refused <- true:
		default:
		}
		return nil, errors.New("refused")
	})
	result := make(chan error, 1)
	go func() {
		_, err := p.connect(ctx)
		result <- err
	}()
	<-refused
	cancel()
	select {
	case err := <-result:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("connect returned %v", err)
		}
	case <-time.After(2 * time.Second):
		t.Errorf("connect has not returned, and made %d attempts since its context was done", late.Load())
	}
}
