package etcd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

const (
	// requestOverhead is more than what a request to append has beside the record: three keys, two
	// points and their lengths.
	requestOverhead = 4 << 10
	// readTimeout is after how long a read is repeated, perhaps by another member.
	readTimeout = 2 * time.Second
	// appendTimeout is after how long an append without an answer fails, with 1 s more for each
	// MiB. A member that has passed it to a leader that is gone would answer after 7 s.
	appendTimeout = 2 * time.Second
)

// Log is a client of a shared log in etcd. It implements sharedlog.Log and sharedlog.Limited.
type Log struct {
	settings settings
	keys     keys
	members  members
	client   *clientv3.Client
	alone    bool // etcd has one member
	denied   bool // the user may not compact the history

	readLimit atomic.Int64 // see nextReadLimit
	history   history

	closing   context.Context // done after Close
	close     context.CancelFunc
	closeOnce sync.Once
	listening sync.Once // starts listen
	tail      sharedlog.Tail
}

var (
	_ sharedlog.Log     = (*Log)(nil)
	_ sharedlog.Limited = (*Log)(nil)
)

// Open connects to the etcd cluster of a log, which need not exist. The URL is
// etcd://HOST:PORT,HOST:PORT/PREFIX. The prefix of the keys is "umadb" by default. A user name may
// be in it, and then UMADB_LOG_PASSWORD is the password. The parameters are
//
//   - ca, cert and key, files of certificates; connections then use TLS;
//   - tls, "true" for TLS with the authorities of the system;
//   - poll, how often Wait looks for records of which no notification has come, by default 1s;
//   - max-request-bytes, that of the members, by default 1572864. It should be the same for all
//     stores of the log, each of which reads the records of all.
//
// Open fails if no member answers, or if one that does cannot keep the promises of a shared log.
func Open(ctx context.Context, url string) (*Log, error) {
	s, err := parse(url)
	if err != nil {
		return nil, err
	}
	l := &Log{settings: s, keys: newKeys(s.prefix), history: history{interval: compactInterval}}
	l.closing, l.close = context.WithCancel(context.Background())
	l.members.settings, l.members.closing = &l.settings, l.closing
	if err := l.connect(ctx); err != nil {
		l.close()
		l.members.close()
		return nil, fmt.Errorf("connecting to the shared log in etcd: %w", explain(err))
	}
	return l, nil
}

func (l *Log) connect(ctx context.Context) error {
	if err := l.members.check(ctx); err != nil {
		return err
	}
	config := l.settings.configure(nil)
	config.Endpoints = l.members.usable()
	config.Context = l.closing
	client, err := clientv3.New(config)
	if err != nil {
		return err
	}
	l.client = client
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	if list, err := client.MemberList(ctx); err == nil {
		l.alone = len(list.Members) == 1
	}
	l.denied = l.settings.user != "" && !l.mayCompact(ctx)
	return nil
}

// call calls f with a context that also ends with Close.
func call[A any](ctx context.Context, l *Log, doing string, f func(context.Context) (A, error)) (answer A, err error) {
	switch {
	case l.closing.Err() != nil:
		err = sharedlog.ErrClosed
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	default:
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(l.closing, cancel)()
		// A member that has no leader refuses the request, instead of keeping it.
		if answer, err = f(clientv3.WithRequireLeader(inner)); err == nil {
			return answer, nil
		}
		if l.closing.Err() != nil {
			err = sharedlog.ErrClosed
		}
	}
	return answer, fmt.Errorf("%s the shared log in etcd: %w", doing, explain(err))
}

// explain adds what to do about an error.
func explain(err error) error {
	switch {
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("%w: etcd has reached its quota; raise --quota-backend-bytes, or run etcdctl defrag if less is in use, and then etcdctl alarm disarm", err)
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		return fmt.Errorf("%w: the user of the URL needs the permission readwrite for all keys with the prefix", err)
	case errors.Is(err, rpctypes.ErrAuthFailed), errors.Is(err, rpctypes.ErrUserEmpty):
		return fmt.Errorf("%w: set the user in the URL, and its password in %s", err, sharedlog.PasswordVariable)
	case errors.Is(err, rpctypes.ErrNoLeader), errors.Is(err, context.DeadlineExceeded), status.Code(err) == codes.DeadlineExceeded:
		return fmt.Errorf("%w: more than half of the members of etcd must run, and reach each other", err)
	}
	return err
}

// read is call for a request that changes nothing. If a member does not answer, it is repeated,
// for as long as the caller waits.
func read[A any](ctx context.Context, l *Log, doing string, f func(context.Context) (A, error)) (A, error) {
	return call(ctx, l, doing, func(ctx context.Context) (answer A, err error) {
		for timeout := readTimeout; ; timeout = math.MaxInt64 { // a large answer may take longer
			attempt, cancel := context.WithTimeout(ctx, timeout)
			answer, err = f(attempt)
			expired := attempt.Err() != nil && ctx.Err() == nil
			cancel()
			if err == nil || !expired {
				return answer, err
			}
		}
	})
}

// Create implements sharedlog.Log.
func (l *Log) Create(ctx context.Context, origin sharedlog.Origin) (sharedlog.Origin, error) {
	return call(ctx, l, "creating", func(ctx context.Context) (sharedlog.Origin, error) {
		answer, err := l.client.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision(l.keys.origin), "=", 0),
				clientv3.Compare(clientv3.CreateRevision(l.keys.head), "=", 0)).
			Then(clientv3.OpPut(l.keys.origin, encodeOrigin(origin)),
				clientv3.OpPut(l.keys.head, encodePoint(origin.Point))).
			Else(clientv3.OpGet(l.keys.origin)).
			Commit()
		switch {
		case err != nil:
			return sharedlog.Origin{}, err
		case answer.Succeeded:
			return origin, nil
		}
		found := answer.Responses[0].GetResponseRange().Kvs
		if len(found) == 0 {
			return sharedlog.Origin{}, fmt.Errorf("the log has the key %s, but the key %s was deleted: use another prefix", l.keys.head, l.keys.origin)
		}
		return decodeOrigin(found[0].Value)
	})
}

// Origin implements sharedlog.Log.
func (l *Log) Origin(ctx context.Context) (sharedlog.Origin, error) {
	return read(ctx, l, "reading the origin of", func(ctx context.Context) (origin sharedlog.Origin, err error) {
		value, err := l.get(ctx, l.keys.origin)
		if err != nil {
			return origin, err
		}
		return decodeOrigin(value)
	})
}

// get returns the value of a key that a log has.
func (l *Log) get(ctx context.Context, key string, options ...clientv3.OpOption) ([]byte, error) {
	answer, err := l.client.Get(ctx, key, options...)
	if err != nil {
		return nil, err
	}
	if len(answer.Kvs) == 0 {
		return nil, l.missing()
	}
	return answer.Kvs[0].Value, nil
}

func (l *Log) missing() error {
	return fmt.Errorf("%w with the prefix %s", sharedlog.ErrNoLog, l.settings.prefix)
}

// Append implements sharedlog.Log.
func (l *Log) Append(ctx context.Context, after sharedlog.Point, chain uint64, record []byte) error {
	if len(record) > l.MaxRecord() {
		return fmt.Errorf("%w: %d bytes, over %d", sharedlog.ErrTooLarge, len(record), l.MaxRecord())
	}
	index, ok := next(after)
	if !ok {
		return fmt.Errorf("%w: %d", sharedlog.ErrConflict, after.Index)
	}
	ctx, cancel := context.WithTimeout(ctx, appendTimeout+time.Duration(len(record))*time.Second>>20)
	defer cancel()
	_, err := call(ctx, l, "appending to", func(ctx context.Context) (struct{}, error) {
		answer, err := l.client.Txn(ctx).
			If(clientv3.Compare(clientv3.Value(l.keys.head), "=", encodePoint(after))).
			Then(clientv3.OpPut(l.keys.record(index), string(record)),
				clientv3.OpPut(l.keys.head, encodePoint(sharedlog.Point{Index: index, Chain: chain}))).
			Else(clientv3.OpGet(l.keys.head, clientv3.WithCountOnly())).
			Commit()
		switch {
		case err != nil || answer.Succeeded:
			return struct{}{}, err
		case answer.Responses[0].GetResponseRange().Count == 0:
			return struct{}{}, l.missing()
		}
		return struct{}{}, fmt.Errorf("%w: %d", sharedlog.ErrConflict, after.Index)
	})
	return err
}

// Last implements sharedlog.Log.
func (l *Log) Last(ctx context.Context) (sharedlog.Point, error) {
	return read(ctx, l, "reading the end of", func(ctx context.Context) (sharedlog.Point, error) { return l.last(ctx) })
}

func (l *Log) last(ctx context.Context, options ...clientv3.OpOption) (last sharedlog.Point, err error) {
	value, err := l.get(ctx, l.keys.head, options...)
	if err != nil {
		return last, err
	}
	return decodePoint(value)
}

// MaxRecord implements sharedlog.Log.
func (l *Log) MaxRecord() int { return l.settings.requestBytes - requestOverhead }

// Close implements sharedlog.Log.
func (l *Log) Close() error {
	l.closeOnce.Do(func() {
		l.close()
		l.members.close()
		l.client.Close() // its error is that the context is done
	})
	return nil
}
