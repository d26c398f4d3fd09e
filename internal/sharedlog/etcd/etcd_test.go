package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/etcd"
	"github.com/umadb-go/umadb/internal/sharedlog/etcd/etcdtest"
)

// appender appends records to a log, after the last one.
type appender struct {
	*testing.T
	log  *etcd.Log
	last sharedlog.Point
}

// create creates a log and returns an appender to it.
func create(t *testing.T, url string) *appender {
	t.Helper()
	a := &appender{T: t, log: open(t, url)}
	if _, err := a.log.Create(t.Context(), sharedlog.Origin{}); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *appender) append(bytes int) error {
	ctx, cancel := context.WithTimeout(a.Context(), 30*time.Second)
	defer cancel()
	err := a.log.Append(ctx, a.last, a.last.Chain+1, make([]byte, bytes))
	if err == nil {
		a.last = sharedlog.Point{Index: a.last.Index + 1, Chain: a.last.Chain + 1}
	}
	return err
}

// mustAppend appends records of a size.
func (a *appender) mustAppend(bytes, records int) {
	a.Helper()
	for range records {
		if err := a.append(bytes); err != nil {
			a.Fatal(err)
		}
	}
}

func TestNotifications(t *testing.T) {
	t.Parallel()
	a := create(t, etcdtest.Start(t, 1).URL("log")+"?poll=1h")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- a.log.Wait(ctx, a.last.Index) }()
	for { // the first ones may be before the notifications begin
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Wait: %v", err)
			}
			return
		case <-time.After(20 * time.Millisecond):
			if err := a.append(10); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What a log with a bounded tail needs does not grow, although each record is stored twice, and
// the reports of replicas are revisions, too.
func TestTrimmedLogFitsInTheQuota(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 1, "--quota-backend-bytes=67108864")
	a := create(t, cluster.URL("log"))
	for range 15 {
		a.mustAppend(1<<20, 10)
		if err := a.log.Trim(t.Context(), a.last.Index-5); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullQuota(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 1, "--quota-backend-bytes=33554432")
	a := create(t, cluster.URL("log"))
	if n := len(a.log.Warnings()); n != 1 { // of the only member
		t.Errorf("the warnings are %q", a.log.Warnings())
	}
	a.mustAppend(1<<20, 20)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) { // the size of the database follows some time after the answer
		space, err := a.log.Space(t.Context())
		if err == nil && space.Limit == 32<<20 && space.Used >= 16<<20 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the space is %+v, %v", space, err)
		}
	}
	if warnings := strings.Join(a.log.Warnings(), " "); !strings.Contains(warnings, "MiB of 32") {
		t.Errorf("with more than half of the quota, the warnings are %q", warnings)
	}
	var err error
	for err == nil {
		err = a.append(1 << 20)
	}
	if !errors.Is(err, rpctypes.ErrNoSpace) || !strings.Contains(err.Error(), "alarm disarm") || errors.Is(err, sharedlog.ErrTooLarge) {
		t.Errorf("at the quota, Append returns %v", err)
	}
	if _, err := a.log.Space(t.Context()); err != nil || !strings.Contains(strings.Join(a.log.Warnings(), " "), "NOSPACE") {
		t.Errorf("at the quota, the warnings are %q, %v", a.log.Warnings(), err)
	}
	// What the message says helps, and a trim is possible meanwhile.
	if err := a.log.Trim(t.Context(), a.last.Index); err != nil {
		t.Fatal(err)
	}
	client := cluster.Client(t)
	if _, err := client.Defragment(t.Context(), cluster.Members[0].Address); err != nil {
		t.Fatal(err)
	}
	if _, err := client.AlarmDisarm(t.Context(), &clientv3.AlarmMember{}); err != nil {
		t.Fatal(err)
	}
	// The member that reaches the quota executes a transaction, and returns an error nevertheless.
	if a.last, err = a.log.Last(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.mustAppend(1<<20, 1)
}

func TestLargestRequest(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 1, "--max-request-bytes=1000000")
	if _, err := etcd.Open(t.Context(), cluster.URL("log")); err == nil || !strings.Contains(err.Error(), "--max-request-bytes=1572864") {
		t.Errorf("a member that accepts fewer bytes: %v", err)
	}
	a := create(t, cluster.URL("log")+"?max-request-bytes=1000000")
	a.mustAppend(a.log.MaxRecord(), 1)
	if err := a.append(a.log.MaxRecord() + 1); !errors.Is(err, sharedlog.ErrTooLarge) {
		t.Errorf("a larger record: %v", err)
	}
}

// Answers are bounded although etcd counts only records, and small records do not need an answer
// each.
func TestReadsOfSmallAndLargeRecords(t *testing.T) {
	t.Parallel()
	url := etcdtest.Start(t, 1).URL("log")
	a := create(t, url)
	a.mustAppend(100, 200)
	a.mustAppend(1<<20, 30)
	a.mustAppend(100, 200)
	log, from, reads := open(t, url), uint64(1), 0
	for ; from <= a.last.Index; reads++ {
		records, err := log.Read(t.Context(), from)
		if err != nil || len(records) == 0 {
			t.Fatalf("reading record %d: %d records, %v", from, len(records), err)
		}
		from += uint64(len(records))
	}
	if reads > 40 {
		t.Errorf("%d records took %d reads", a.last.Index, reads)
	}
}

// A user needs the permission to read and write the keys of the log, and no other one.
func TestUserWithFewPermissions(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	client, ctx := cluster.Client(t), t.Context()
	for _, err := range []error{
		second(client.UserAdd(ctx, "root", "of root")), second(client.UserGrantRole(ctx, "root", "root")),
		second(client.RoleAdd(ctx, "orders")),
		second(client.RoleGrantPermission(ctx, "orders", "log/", clientv3.GetPrefixRangeEnd("log/"), clientv3.PermissionType(clientv3.PermReadWrite))),
		second(client.UserAdd(ctx, "umadb", "secret")), second(client.UserGrantRole(ctx, "umadb", "orders")),
		second(client.AuthEnable(ctx)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("UMADB_LOG_PASSWORD", "wrong")
	url := strings.Replace(cluster.URL("log"), "etcd://", "etcd://umadb@", 1)
	if _, err := etcd.Open(ctx, url); err == nil || strings.Contains(err.Error(), "wrong") || !strings.Contains(err.Error(), "UMADB_LOG_PASSWORD") {
		t.Errorf("with a wrong password: %v", err)
	}
	t.Setenv("UMADB_LOG_PASSWORD", "secret")
	a := create(t, url)
	a.mustAppend(100, 3)
	replica := sharedlog.Replica{ID: sharedlog.ID{1}, Address: "http://a:1"}
	if err := a.log.Report(ctx, replica); err != nil {
		t.Error(err)
	}
	if replicas, err := a.log.Replicas(ctx); err != nil || len(replicas) != 1 || replicas[0] != replica {
		t.Errorf("the replicas are %v, %v", replicas, err)
	}
	if err := a.log.Trim(ctx, 2); err != nil {
		t.Error(err)
	}
	if _, err := a.log.Space(ctx); err != nil {
		t.Error(err)
	}
	if records, err := a.log.Read(ctx, 3); err != nil || len(records) != 1 {
		t.Errorf("%d records, %v", len(records), err)
	}
	if _, err := etcd.Open(ctx, cluster.URL("log")); err == nil || !strings.Contains(err.Error(), "user in the URL") {
		t.Errorf("without a user: %v", err)
	}
	if _, err := etcd.Open(ctx, strings.Replace(url, "/log", "/other", 1)); err == nil {
		t.Error("a log with another prefix was opened")
	}
	if warnings := strings.Join(a.log.Warnings(), " "); !strings.Contains(warnings, "--auto-compaction-retention") {
		t.Errorf("the warnings are %q", warnings)
	}
}

// second returns an error beside which a call has another result.
func second[A any](_ A, err error) error { return err }

// Without a server, the error names each address.
func TestOpenWithoutServers(t *testing.T) {
	t.Parallel()
	_, err := etcd.Open(t.Context(), "etcd://127.0.0.1:1,127.0.0.1:2/log")
	for port := 1; port <= 2; port++ {
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("127.0.0.1:%d", port)) || !strings.Contains(err.Error(), "refused") {
			t.Errorf("without members: %v", err)
		}
	}
}

// Keys that were deleted by hand do not make a log of what is left.
func TestCreateWithKeysOfAnotherLog(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 1)
	a, client := create(t, cluster.URL("log")), cluster.Client(t)
	a.mustAppend(100, 5)
	remove := func(key string) {
		t.Helper()
		if _, err := client.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	remove("log/origin")
	if _, err := a.log.Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{2}}); err == nil || !strings.Contains(err.Error(), "use another prefix") {
		t.Errorf("without the origin, Create returns %v", err)
	}
	remove("log/head")
	if _, err := a.log.Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{2}}); err != nil {
		t.Fatal(err)
	}
	a.last = sharedlog.Point{}
	a.mustAppend(200, 2)
	for from, want := range map[uint64]int{1: 2, 2: 1, 3: 0} {
		records, err := a.log.Read(t.Context(), from)
		if err != nil || len(records) != want {
			t.Errorf("from record %d: %d records, %v, want %d", from, len(records), err, want)
		}
		for _, r := range records {
			if len(r.Bytes) != 200 {
				t.Errorf("record %d is of the other log", r.Index)
			}
		}
	}
}
