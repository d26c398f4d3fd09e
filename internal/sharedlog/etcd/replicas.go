package etcd

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// Report implements sharedlog.Log. Each report has a lease of its own, which expires.
func (l *Log) Report(ctx context.Context, replica sharedlog.Replica) error {
	_, err := call(ctx, l, "reporting to", func(ctx context.Context) (struct{}, error) {
		lease, err := l.client.Grant(ctx, int64(sharedlog.ReportTTL.Seconds()))
		if err != nil {
			return struct{}{}, err
		}
		answer, err := l.client.Put(ctx, l.keys.replica(replica.ID), encodeReplica(&replica), clientv3.WithLease(lease.ID))
		if err == nil {
			err = l.compactOld(ctx, answer.Header.Revision)
		}
		return struct{}{}, err
	})
	return err
}

// Replicas implements sharedlog.Log.
func (l *Log) Replicas(ctx context.Context) ([]sharedlog.Replica, error) {
	return read(ctx, l, "reading the reports in", func(ctx context.Context) (replicas []sharedlog.Replica, err error) {
		answer, err := l.client.Get(ctx, l.keys.replicas, clientv3.WithRange(l.keys.replicas+pastDigits))
		if err != nil {
			return nil, err
		}
		for _, kv := range answer.Kvs {
			replica, err := l.keys.decodeReplica(kv.Key, kv.Value)
			if err != nil {
				return nil, err
			}
			replicas = append(replicas, replica)
		}
		return replicas, nil
	})
}
