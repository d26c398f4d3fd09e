package server_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// A client could start calls before its key is revoked, and send the requests afterwards.
func TestRequestThatArrivesAfterItsKeyWasRevokedIsRefused(t *testing.T) {
	event := func(bytes int) *umadbv1.AppendRequest {
		return &umadbv1.AppendRequest{Events: []*umadbv1.Event{{EventType: "happened", Data: make([]byte, bytes)}}}
	}
	limited := keyNamed("a", server.AllRights)
	limited.Types = []string{"another"}
	for name, c := range map[string]struct {
		method  string
		request proto.Message
		after   []server.Key
		want    codes.Code
	}{
		"small append":        {umadbv1.DCB_Append_FullMethodName, event(1), nil, codes.Unauthenticated},
		"large append":        {umadbv1.DCB_Append_FullMethodName, event(40 << 10), nil, codes.Unauthenticated},
		"append without key":  {umadbv1.DCB_Append_FullMethodName, event(1), []server.Key{keyNamed("a", read)}, codes.PermissionDenied},
		"small beyond limits": {umadbv1.DCB_Append_FullMethodName, event(1), []server.Key{limited}, codes.PermissionDenied},
		"large beyond limits": {umadbv1.DCB_Append_FullMethodName, event(40 << 10), []server.Key{limited}, codes.PermissionDenied},
		"head":                {umadbv1.DCB_Head_FullMethodName, new(umadbv1.HeadRequest), nil, codes.Unauthenticated},
		"tracking info":       {umadbv1.DCB_GetTrackingInfo_FullMethodName, &umadbv1.TrackingRequest{Source: "a"}, nil, codes.Unauthenticated},
		"unchanged":           {umadbv1.DCB_Append_FullMethodName, event(1), []server.Key{keyNamed("a", appends)}, codes.OK},
	} {
		t.Run(name, func(t *testing.T) {
			r := startWithKeys(t, newMemoryStore(), server.Options{}, keyNamed("a", server.AllRights))
			encoded, err := proto.Marshal(c.request)
			if err != nil {
				t.Fatal(err)
			}
			client, message := r.frames(t, 64<<10), framed(encoded)
			id := client.call(c.method, message[:1], false, "authorization", "Bearer secret-a")
			eventually(t, "the call has started", func() bool { return r.CallsUsed() > 0 })
			if err := r.SetKeys(c.after); err != nil {
				t.Fatal(err)
			}
			for rest := message[1:]; len(rest) > 0; {
				n := min(len(rest), 16<<10)
				client.must(client.framer.WriteData(id, n == len(rest), rest[:n]))
				rest = rest[n:]
			}
			eventually(t, "the call ends with "+c.want.String(), func() bool { return client.count(c.want) == 1 })
		})
	}
}

// The former owner of a key cannot keep others from connecting.
func TestConnectionOfRevokedKeyIsClosedForOthers(t *testing.T) {
	r := startWithKeys(t, newMemoryStore(), server.Options{MaxConnections: 1}, keyNamed("a", read), keyNamed("b", read))
	occupying := r.frames(t, 64<<10)
	occupying.call(umadbv1.DCB_Head_FullMethodName, framed(nil), true, "authorization", "Bearer secret-a")
	eventually(t, "the call succeeds", func() bool { return occupying.count(codes.OK) == 1 })
	if err := r.SetKeys([]server.Key{keyNamed("b", read)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another client is served", func() bool {
		conn := r.dial(t)
		defer conn.Close()
		return headWith(t, umadbv1.NewDCBClient(conn), "secret-b").Code() == codes.OK
	})
	eventually(t, "the connection is closed", occupying.isClosed)
}
