package postgres

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// testPool returns a pool for hosts, whose addresses are separated by commas. It connects with dial.
func testPool(t *testing.T, hosts string, dial pgconn.DialFunc) *pool {
	t.Helper()
	config, err := pgx.ParseConfig("postgres://" + hosts + "/?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc = dial
	return newPool(config, func(_ context.Context, conn *pgx.Conn) (string, error) {
		return conn.PgConn().Conn().RemoteAddr().String(), nil
	})
}

// One host refuses connections, and the attempt at the other one does not return when ctx is done.
func TestConnectEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	refused, hangs := make(chan bool, 1), make(chan bool)
	defer close(hangs)
	var late atomic.Int64
	p := testPool(t, "127.0.0.1:1,127.0.0.1:2", func(_ context.Context, _, address string) (net.Conn, error) {
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
	case <-time.After(30 * time.Second):
		t.Errorf("connect has not returned, and made %d attempts since its context was done", late.Load())
	}
}

// acquire acquires a connection of a pool.
func acquire(t *testing.T, p *pool) *pooled {
	t.Helper()
	c, err := p.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// giveUp makes a request fail because its context ends, age after the connection was acquired.
func giveUp(t *testing.T, p *pool, c *pooled, age time.Duration) {
	t.Helper()
	p.mu.Lock()
	c.since = c.since.Add(-age)
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.PgConn().Exec(ctx, hang).ReadAll(); err == nil {
		t.Fatal("the request was answered")
	}
	p.release(ctx, c)
}

// expired reports whether a connection must not be used again.
func expired(p *pool, c *pooled) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.expired
}

// Only a failed connection, or a request that has waited for long, casts doubt on other connections.
func TestWhichConnectionsExpire(t *testing.T) {
	p := testPool(t, testServer(t), new(net.Dialer).DialContext)
	defer p.close()
	idle, listener, impatient, waiting, later, failing := acquire(t, p), acquire(t, p), acquire(t, p), acquire(t, p), acquire(t, p), acquire(t, p)
	p.listen(listener)
	p.release(t.Context(), idle)
	giveUp(t, p, impatient, suspectAfter)
	for name, c := range map[string]*pooled{"idle": idle, "listening": listener, "used": waiting} {
		if expired(p, c) {
			t.Errorf("the %s connection has expired after an impatient request", name)
		}
	}
	p.mu.Lock()
	idle.since = idle.since.Add(-time.Hour)
	p.mu.Unlock()
	giveUp(t, p, waiting, abandonedAfter)
	if !expired(p, idle) {
		t.Error("a connection that has not answered since a request began has not expired with the request")
	}
	if expired(p, later) {
		t.Error("a connection has expired after a request that began before it")
	}
	failing.PgConn().Conn().Close()
	if _, err := failing.PgConn().Exec(t.Context(), "").ReadAll(); err == nil {
		t.Fatal("the connection has not failed")
	}
	p.release(t.Context(), failing)
	if !expired(p, later) || !expired(p, listener) {
		t.Error("other connections have not expired after one has failed")
	}
	p.release(t.Context(), later)
	listener.PgConn().Conn().Close()
	p.release(t.Context(), listener)
}

// The old primary still accepts connections when a request to it begins to hang.
func TestAnotherPrimaryAfterALook(t *testing.T) {
	old, next := testServer(t), testServer(t)
	t.Run("hosts=2", func(t *testing.T) {
		var primary atomic.Value
		primary.Store(old)
		p := testPool(t, old+","+next, func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != primary.Load() {
				return nil, errors.New("not the primary")
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		})
		wantEnd(t, p, func() { primary.Store(next) })
	})
	t.Run("hosts=1", func(t *testing.T) { // whose address is that of the primary
		var primary atomic.Value
		primary.Store(old)
		p := testPool(t, "127.0.0.1:1", func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, primary.Load().(string))
		})
		wantEnd(t, p, func() { primary.Store(next) })
	})
}

// wantEnd checks that a request ends when promote makes another server the primary.
func wantEnd(t *testing.T, p *pool, promote func()) {
	t.Helper()
	defer p.close()
	c := acquire(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer p.release(ctx, c)
	defer p.findPrimaryAfter(ctx, 0)()
	go func() {
		for idle := 0; idle == 0 && ctx.Err() == nil; time.Sleep(time.Millisecond) { // until look has connected
			p.mu.Lock()
			idle = len(p.idle)
			p.mu.Unlock()
		}
		promote()
	}()
	_, err := c.PgConn().Exec(ctx, hang).ReadAll()
	if err == nil || ctx.Err() != nil {
		t.Errorf("the request to the old primary has ended with %v, %v", err, ctx.Err())
	}
}
