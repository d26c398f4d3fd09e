package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// Read implements sharedlog.Log. One member answers with what it has, which is committed.
func (l *Log) Read(ctx context.Context, from uint64) ([]sharedlog.Record, error) {
	records, err := read(ctx, l, "reading", func(ctx context.Context) ([]sharedlog.Record, error) {
		records, err := l.readFrom(ctx, from, clientv3.WithSerializable())
		if errors.Is(err, sharedlog.ErrNoLog) { // the member may not have it yet
			records, err = l.readFrom(ctx, from)
		}
		return records, err
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// readFrom reads records. All its requests read the same revision of the keys. An answer that is
// too large is asked for again, with fewer records.
func (l *Log) readFrom(ctx context.Context, from uint64, options ...clientv3.OpOption) ([]sharedlog.Record, error) {
	for {
		limit := l.nextReadLimit()
		found := append([]clientv3.OpOption{clientv3.WithRange(l.keys.records + pastDigits), clientv3.WithLimit(limit)}, options...)
		before := append([]clientv3.OpOption{clientv3.WithRange(l.keys.record(from)), clientv3.WithCountOnly()}, options...)
		answer, err := l.client.Txn(ctx).Then(
			clientv3.OpGet(l.keys.head, options...),
			clientv3.OpGet(l.keys.record(from), found...),
			clientv3.OpGet(l.keys.records, before...),
		).Commit()
		if status.Code(err) == codes.ResourceExhausted && limit > 1 {
			l.readLimit.Store(limit / 2)
			continue
		}
		if err != nil {
			return nil, err
		}
		head := answer.Responses[0].GetResponseRange().Kvs
		if len(head) == 0 {
			return nil, l.missing()
		}
		last, err := decodePoint(head[0].Value)
		if err != nil {
			return nil, err
		}
		records := answer.Responses[1].GetResponseRange().Kvs
		switch before := answer.Responses[2].GetResponseRange().Count; {
		case from > last.Index:
			return nil, nil
		case before > 0 || len(records) > 0 && string(records[0].Key) == l.keys.record(from):
			return l.collect(from, last.Index, records)
		default:
			return nil, fmt.Errorf("%w: %d", sharedlog.ErrTrimmed, from)
		}
	}
}

// collect returns the records of an answer up to an index. The answer has them in order; collect
// stops when they have sharedlog.ReadBytes. The other ones must not be kept by the caller. Records
// after the last one can only be of another log, whose head was deleted.
func (l *Log) collect(from, last uint64, found []*mvccpb.KeyValue) (records []sharedlog.Record, err error) {
	if len(found) == 0 {
		return nil, fmt.Errorf("record %d is missing, and those before it are not", from)
	}
	bytes := 0
	for i, kv := range found {
		index, err := l.keys.indexOf(kv.Key)
		if err == nil && index != from+uint64(i) {
			err = fmt.Errorf("record %d is missing: the next one is %d", from+uint64(i), index)
		}
		if err != nil {
			return nil, err
		}
		if index > last {
			break
		}
		if bytes < sharedlog.ReadBytes {
			records = append(records, sharedlog.Record{Index: index, Bytes: kv.Value})
		}
		bytes += len(kv.Value)
	}
	l.adaptReadLimit(int64(len(found)), int64(bytes))
	return records, nil
}

// firstReadLimit is how many records the first answer may have.
const firstReadLimit = 8

// nextReadLimit returns how many records the next answer may have. It is low if the last records
// were large, because etcd does not bound an answer by its size. A client accepts no answer that
// is larger than sharedlog.ReadBytes and the largest record of any store.
func (l *Log) nextReadLimit() int64 {
	if limit := l.readLimit.Load(); limit > 0 {
		return limit
	}
	return firstReadLimit
}

// adaptReadLimit changes the limit after an answer.
func (l *Log) adaptReadLimit(records, bytes int64) {
	limit := l.nextReadLimit()
	switch {
	case bytes > sharedlog.ReadBytes:
		limit = max(records*sharedlog.ReadBytes/bytes, 1)
	case records == limit && 2*bytes <= sharedlog.ReadBytes:
		limit = min(2*limit, sharedlog.ReadRecords)
	}
	l.readLimit.Store(limit)
}

// Wait implements sharedlog.Log.
func (l *Log) Wait(ctx context.Context, after uint64) error {
	l.listening.Do(func() { go l.listen() })
	return l.tail.Wait(ctx, after, sharedlog.Polling{Interval: l.settings.poll, Look: l.look, Closed: l.closing.Done()})
}

// look reads the last index that one member has.
func (l *Log) look(ctx context.Context) error {
	last, err := read(ctx, l, "waiting for", func(ctx context.Context) (sharedlog.Point, error) {
		return l.last(ctx, clientv3.WithSerializable())
	})
	if err == nil {
		l.tail.Raise(last.Index)
	}
	return err
}

// listen receives notifications until Close. They can be late, missing or repeated: Wait also
// polls.
func (l *Log) listen() {
	for l.closing.Err() == nil {
		l.receive()
		select {
		case <-time.After(l.settings.poll):
		case <-l.closing.Done():
		}
	}
}

// receive receives notifications until an error.
func (l *Log) receive() {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(l.closing))
	defer cancel()
	for answer := range l.client.Watch(ctx, l.keys.head) {
		if answer.Err() != nil {
			return
		}
		for _, event := range answer.Events {
			if last, err := decodePoint(event.Kv.Value); err == nil { // else it was deleted
				l.tail.Raise(last.Index)
			}
		}
	}
}
