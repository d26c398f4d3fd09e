package server_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// keyNamed returns a key with a name, whose secret is the name with "secret-" before it.
func keyNamed(name string, rights server.Rights) server.Key {
	return server.Key{Name: name, Hash: hashOf("secret-" + name), Rights: rights}
}

func hashOf(secret string) *[sha256.Size]byte { return new(sha256.Sum256([]byte(secret))) }

// startWithKeys starts a server with keys.
func startWithKeys(t *testing.T, store server.Store, options server.Options, keys ...server.Key) *running {
	t.Helper()
	r := start(t, store, options)
	if err := r.SetKeys(keys); err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	read, appends, subscribe = server.RightRead, server.RightAppend, server.RightSubscribe
	tracking, admin          = server.RightTracking, server.RightAdmin
	anyKey, open             = server.AllRights, 0
)

// needed lists the rights of which a key needs one, for every method of every service.
var needed = map[string]server.Rights{
	"/umadb.v1.DCB/Append":                                           appends,
	"/umadb.v1.DCB/Read":                                             read | subscribe,
	"/umadb.v1.DCB/Subscribe":                                        subscribe,
	"/umadb.v1.DCB/Head":                                             read | appends | subscribe,
	"/umadb.v1.DCB/PositionAt":                                       read | appends | subscribe,
	"/umadb.v1.DCB/GetTrackingInfo":                                  tracking,
	"/umadb.v1.DCB/Terms":                                            read | subscribe,
	"/umadb.v1.DCB/Count":                                            read | subscribe,
	"/umadb.UmaDBService/Append":                                     appends,
	"/umadb.UmaDBService/Read":                                       read | subscribe,
	"/umadb.UmaDBService/Subscribe":                                  subscribe,
	"/umadb.UmaDBService/Head":                                       read | appends | subscribe,
	"/umadb.UmaDBService/PositionAt":                                 read | appends | subscribe,
	"/umadb.UmaDBService/GetTrackingInfo":                            tracking,
	"/umadb.UmaDBService/Terms":                                      read | subscribe,
	"/umadb.UmaDBService/Count":                                      read | subscribe,
	"/grpc.health.v1.Health/Check":                                   open,
	"/grpc.health.v1.Health/List":                                    open,
	"/grpc.health.v1.Health/Watch":                                   open,
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      anyKey,
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": anyKey,
}

// unknown are methods that do not exist. Clients with any key learn that.
var unknown = []string{"/umadb.v1.DCB/Other", "/umadb.UmaDBService/Other", "/grpc.health.v1.Health/Other", "/umadb.admin.v1.Admin/Other", "/other.Service/Other"}

func TestEveryMethodNeedsItsRights(t *testing.T) {
	keys := []server.Key{keyNamed("all", server.AllRights)}
	for right := read; right <= admin; right <<= 1 {
		keys = append(keys, keyNamed("only-"+right.String(), right), keyNamed("all-but-"+right.String(), server.AllRights&^right))
	}
	r := startWithKeys(t, newMemoryStore(), server.Options{APIKey: apiKey}, keys...)
	if got, want := r.Methods(), slices.Sorted(maps.Keys(needed)); !slices.Equal(got, want) {
		t.Fatalf("the server has the methods\n\t%q\nnot\n\t%q", got, want)
	}
	secrets := map[string]server.Rights{"": 0, apiKey: server.AllRights &^ admin, "secret-other": 0}
	for _, k := range keys {
		secrets["secret-"+k.Name] = k.Rights
	}
	methods := maps.Clone(needed)
	for _, method := range unknown {
		methods[method] = anyKey
	}
	c := r.raw(t)
	for method, need := range methods {
		for secret, rights := range secrets {
			var header []string
			if secret != "" {
				header = []string{"Authorization", "Bearer " + secret}
			}
			answer := c.post(t, method, strings.NewReader("\x00\x00"), header...) // malformed
			refused := answer.code == codes.Unauthenticated || answer.code == codes.PermissionDenied
			switch {
			case need == open || rights&need != 0:
				if refused || slices.Contains(unknown, method) != (answer.code == codes.Unimplemented) {
					t.Errorf("%s with %q: %v: %s", method, secret, answer.code, answer.message)
				}
			case rights == 0:
				if answer.code != codes.Unauthenticated {
					t.Errorf("%s with %q: %v: %s", method, secret, answer.code, answer.message)
				}
			default:
				wantDenied(t, answer, strings.TrimPrefix(secret, "secret-"), secret)
				for _, name := range strings.Split(need.String(), ", ") {
					if !strings.Contains(answer.message, name) {
						t.Errorf("%s with %q: the message %q does not name the right %s", method, secret, answer.message, name)
					}
				}
			}
		}
	}
}

// wantDenied checks that a call was denied to a key.
func wantDenied(t *testing.T, answer rawResponse, name, secret string) {
	t.Helper()
	if answer.code != codes.PermissionDenied {
		t.Errorf("status is %v: %s", answer.code, answer.message)
	}
	if !strings.HasPrefix(answer.message, fmt.Sprintf("authentication error: the API key %q ", name)) || strings.Contains(answer.message, secret) {
		t.Errorf("the message is %q", answer.message)
	}
	response := new(umadbv1.ErrorResponse)
	if err := proto.Unmarshal(answer.details, response); err != nil || response.ErrorType != umadbv1.ErrorResponse_AUTHENTICATION || response.Message != answer.message {
		t.Errorf("details are %q", answer.details)
	}
}

func TestMethodThatIsNotListedNeedsAdmin(t *testing.T) {
	for _, method := range [][2]string{{"umadb.admin.v1.Admin", "Status"}, {"umadb.v1.DCB", "New"}, {"other.Service", "New"}} {
		if got := server.RightsOf(method[0], method[1]); got != admin {
			t.Errorf("%s/%s needs %v", method[0], method[1], got)
		}
	}
}

func TestRequestsNeedRights(t *testing.T) {
	r := startWithKeys(t, newMemoryStore(), server.Options{},
		keyNamed("reads", read), keyNamed("subscribes", subscribe), keyNamed("appends", appends), keyNamed("tracks", appends|tracking))
	c := r.raw(t)
	plain := &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent()}}
	tracked := &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent()}, TrackingInfo: &umadbv1.TrackingInfo{Source: "s", Position: 1}}
	large := proto.CloneOf(tracked) // not inline
	large.Events[0].Data, large.TrackingInfo.Position = make([]byte, 8<<10), 2
	for _, call := range []struct {
		name, method string
		request      proto.Message
		permitted    bool
	}{
		{"reads", "Read", &umadbv1.ReadRequest{}, true},
		{"reads", "Read", readOn(), false},
		{"subscribes", "Read", &umadbv1.ReadRequest{}, false},
		{"appends", "Append", plain, true},
		{"appends", "Append", tracked, false},
		{"appends", "Append", large, false},
		{"tracks", "Append", tracked, true},
		{"tracks", "Append", large, true},
		{"tracks", "GetTrackingInfo", &umadbv1.TrackingRequest{Source: "s"}, true},
	} {
		answer := c.post(t, "/umadb.v1.DCB/"+call.method, request(t, call.request), "Authorization", "Bearer secret-"+call.name)
		if !call.permitted {
			wantDenied(t, answer, call.name, "secret-"+call.name)
		} else if answer.code != codes.OK {
			t.Errorf("%s of %s: %v: %s", call.method, call.name, answer.code, answer.message)
		}
	}
}

func TestHealthNeedsNoKey(t *testing.T) {
	c := startWithKeys(t, newMemoryStore(), server.Options{}).raw(t)
	for _, header := range [][]string{nil, {"Authorization", "Bearer wrong"}} {
		if answer := c.post(t, "/grpc.health.v1.Health/Check", request(t, &health.HealthCheckRequest{}), header...); answer.code != codes.OK {
			t.Errorf("with %q: %v", header, answer.code)
		}
	}
}

func TestRightsHaveNames(t *testing.T) {
	if got, want := server.AllRights.String(), "read, append, subscribe, tracking, admin"; got != want {
		t.Errorf("got %q", got)
	}
	var parsed server.Rights
	for _, name := range strings.Split(server.AllRights.String(), ", ") {
		parsed |= server.ParseRight(name)
	}
	if parsed != server.AllRights || server.ParseRight("write") != 0 {
		t.Errorf("the names are those of %v", parsed)
	}
}
