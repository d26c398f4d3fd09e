package server_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// with returns a context with a key, for a client.
func with(ctx context.Context, secret string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+secret)
}

// headWith returns the status of a call with a key.
func headWith(t *testing.T, client umadbv1.DCBClient, secret string) *status.Status {
	t.Helper()
	_, err := client.Head(with(within(t, patience), secret), &umadbv1.HeadRequest{})
	return status.Convert(err)
}

func TestSetKeysRejectsInvalidKeys(t *testing.T) {
	a, b := keyNamed("a", read), keyNamed("b", read)
	sameHash, sameCertificate := b, server.Key{Name: "c", Certificate: "x", Rights: read}
	sameHash.Hash = a.Hash
	negative := a
	negative.BytesPerSecond = -1
	r := startWithKeys(t, newMemoryStore(), server.Options{APIKey: apiKey}, a)
	for name, keys := range map[string][]server.Key{
		"no name":          {{Hash: a.Hash, Rights: read}},
		"same name":        {a, {Name: "a", Hash: b.Hash, Rights: read}},
		"same hash":        {a, sameHash},
		"same certificate": {sameCertificate, {Name: "d", Certificate: "x", Rights: read}},
		"no identity":      {{Name: "a", Rights: read}},
		"no rights":        {keyNamed("a", 0)},
		"negative rate":    {negative},
		"reserved name":    {keyNamed(server.APIKeyName, read)},
		"that of APIKey":   {{Name: "e", Hash: hashOf(apiKey), Rights: read}},
	} {
		if err := r.SetKeys(keys); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.SetAPIKey("secret-a"); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("an API key that is also listed: %v", err)
	}
	client := r.client(t)
	for _, secret := range []string{apiKey, "secret-a"} {
		if st := headWith(t, client, secret); st.Code() != codes.OK {
			t.Errorf("the previous key %q: %v", secret, st)
		}
	}
}

func TestWithoutAnyKeyEveryCallIsRefused(t *testing.T) {
	r := startWithKeys(t, newMemoryStore(), server.Options{})
	wantHead(t, r.client(t), codes.Unauthenticated, "no key exists")
}

func TestKeyExpires(t *testing.T) {
	late, soon, lasts := keyNamed("late", read), keyNamed("soon", read|subscribe), keyNamed("lasts", read)
	late.Expires, lasts.Expires = time.Now().Add(-time.Second), time.Now().Add(time.Hour)
	r := startWithKeys(t, newMemoryStore(), server.Options{}, late, soon, lasts)
	client := r.client(t)
	stream := subscribed(t, client, "secret-soon")
	soon.Expires = time.Now().Add(time.Second)
	if err := r.SetKeys([]server.Key{late, soon, lasts}); err != nil {
		t.Fatal(err)
	}
	if st := headWith(t, client, "secret-late"); st.Code() != codes.Unauthenticated || !strings.Contains(st.Message(), `"late" has expired`) {
		t.Errorf("an expired key: %v", st)
	}
	if st := headWith(t, client, "secret-lasts"); st.Code() != codes.OK {
		t.Errorf("a key that has not expired: %v", st)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unauthenticated {
		t.Errorf("the subscription ends with %v", err)
	}
}

// subscribed starts a subscription with a key.
func subscribed(t *testing.T, client umadbv1.DCBClient, secret string) grpc.ServerStreamingClient[umadbv1.SubscribeResponse] {
	t.Helper()
	stream, err := client.Subscribe(with(within(t, patience), secret), &umadbv1.SubscribeRequest{})
	if err == nil {
		_, err = stream.Header()
	}
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestRemovedKeyEndsItsCalls(t *testing.T) {
	kept, removed, lessened := keyNamed("kept", subscribe), keyNamed("removed", server.AllRights), keyNamed("lessened", server.AllRights)
	var log logBuffer
	r := startWithKeys(t, newMemoryStore(), server.Options{APIKey: apiKey, Logger: slog.New(slog.NewTextHandler(&log, nil))}, kept, removed, lessened)
	client := r.client(t)
	continues := []grpc.ServerStreamingClient[umadbv1.SubscribeResponse]{subscribed(t, client, "secret-kept"), subscribed(t, client, apiKey)}
	ends := subscribed(t, client, "secret-removed")
	narrowed := subscribed(t, client, "secret-lessened")
	reading, err := client.Read(with(within(t, patience), "secret-removed"), readOn())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the calls are registered", func() bool { return r.LastingCalls() == 4 })

	kept.Hash = hashOf("another")
	lessened.Rights = read | appends
	if err := r.SetKeys([]server.Key{kept, lessened}); err != nil {
		t.Fatal(err)
	}
	if err := r.SetAPIKey("another API key"); err != nil {
		t.Fatal(err)
	}
	for name, recv := range map[string]func() error{
		"a subscription":    func() error { _, err := ends.Recv(); return err },
		"a read that lasts": func() error { _, err := reading.Recv(); return err },
	} {
		st := status.Convert(recv())
		if st.Code() != codes.Unauthenticated || st.Message() != `authentication error: the API key "removed" was revoked` || len(st.Details()) != 1 {
			t.Errorf("%s of the removed key ends with %v", name, st)
		}
	}
	if _, err := narrowed.Recv(); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a subscription whose key has lost the right ends with %v", err)
	}
	if st := headWith(t, client, "secret-kept"); st.Code() != codes.Unauthenticated {
		t.Errorf("the replaced hash: %v", st)
	}
	if _, err := client.Append(with(within(t, patience), "secret-lessened"), &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent()}}); err != nil {
		t.Fatal(err)
	}
	for _, stream := range continues {
		if message, err := stream.Recv(); err != nil || message.Events[0].Position != 1 {
			t.Errorf("a subscription whose key has another hash: %v, %v", message, err)
		}
	}
	eventually(t, "the ended calls are released", func() bool { return r.LastingCalls() == 1 })
	if text := log.take(); strings.Contains(text, "secret") || !strings.Contains(text, "key=lessened") {
		t.Errorf("the log is %q", text)
	}
}

func TestReadOfRemovedKeyEnds(t *testing.T) {
	store := newMemoryStore()
	var once sync.Once
	entered, resume := make(chan struct{}), make(chan struct{})
	store.onNext = func() { once.Do(func() { close(entered); <-resume }) }
	r := startWithKeys(t, store, server.Options{}, keyNamed("a", read))
	stream, err := r.client(t).Read(with(within(t, patience), "secret-a"), &umadbv1.ReadRequest{})
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	if err := r.SetKeys(nil); err != nil {
		t.Fatal(err)
	}
	close(resume)
	if _, err := stream.Recv(); status.Code(err) != codes.Unauthenticated {
		t.Errorf("the read ends with %v", err)
	}
}

func TestCertificateIsAKey(t *testing.T) {
	uri, err := url.Parse("spiffe://example.org/orders")
	if err != nil {
		t.Fatal(err)
	}
	bound := keyNamed("bound", read)
	bound.Certificate = "gateway"
	r := startWithKeys(t, newMemoryStore(), server.Options{}, bound, keyNamed("free", read),
		server.Key{Name: "by-common-name", Certificate: "billing", Rights: read},
		server.Key{Name: "by-dns", Certificate: "stock.internal", Rights: read},
		server.Key{Name: "by-uri", Certificate: uri.String(), Rights: read},
		server.Key{Name: "by-mail", Certificate: "ops@example.org", Rights: tracking})
	client := r.client(t)
	wantHead(t, client, codes.Unauthenticated, "no certificate")
	named := func(commonName string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: commonName}}
	}
	for name, c := range map[string]struct {
		certificate *x509.Certificate
		secret      string
		want        codes.Code
	}{
		"common name":               {named("billing"), "", codes.OK},
		"DNS name":                  {&x509.Certificate{DNSNames: []string{"x", "stock.internal"}}, "", codes.OK},
		"URI":                       {&x509.Certificate{URIs: []*url.URL{uri}}, "", codes.OK},
		"without the right":         {&x509.Certificate{EmailAddresses: []string{"ops@example.org"}}, "", codes.PermissionDenied},
		"another name":              {named("other"), "", codes.Unauthenticated},
		"no name":                   {named(""), "", codes.Unauthenticated},
		"of a key with a hash":      {named("gateway"), "", codes.Unauthenticated},
		"both":                      {named("gateway"), "secret-bound", codes.OK},
		"key, another certificate":  {named("billing"), "secret-bound", codes.Unauthenticated},
		"key, no certificate":       {nil, "secret-bound", codes.Unauthenticated},
		"wrong key and certificate": {named("billing"), "wrong", codes.Unauthenticated},
		"key and other certificate": {named("other"), "secret-free", codes.OK},
	} {
		r.SetPeer(c.certificate)
		ctx := within(t, patience)
		if c.secret != "" {
			ctx = with(ctx, c.secret)
		}
		if _, err := client.Head(ctx, &umadbv1.HeadRequest{}); status.Code(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeysAreReplacedUnderLoad replaces keys while clients of another key append, read and
// subscribe. None of their calls may fail.
func TestKeysAreReplacedUnderLoad(t *testing.T) {
	steady, limited := keyNamed("steady", server.AllRights), keyNamed("limited", server.AllRights)
	limited.Types, limited.AppendsPerSecond = []string{"happened"}, 1e6
	r := startWithKeys(t, newMemoryStore(), server.Options{}, steady, limited)
	client := r.client(t)
	if _, err := client.Append(with(t.Context(), "secret-steady"), &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent()}}); err != nil {
		t.Fatal(err) // subscriptions wait for an event
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var calls sync.WaitGroup
	repeat := func(name string, call func(ctx context.Context) error) {
		calls.Go(func() {
			for ctx.Err() == nil {
				if err := call(with(t.Context(), name)); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
			}
		})
	}
	of := &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"happened"}}}}
	for _, secret := range []string{"secret-steady", "secret-limited"} {
		repeat(secret, func(ctx context.Context) error {
			_, err := client.Append(ctx, &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent()}})
			return err
		})
		repeat(secret, func(ctx context.Context) error {
			stream, err := client.Read(ctx, &umadbv1.ReadRequest{Query: of})
			for err == nil {
				_, err = stream.Recv()
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		})
		repeat(secret, func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			stream, err := client.Subscribe(ctx, &umadbv1.SubscribeRequest{Query: of})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		})
	}
	for i := range 100 {
		keys := []server.Key{steady, limited}
		if i%2 == 0 {
			keys = append(keys, keyNamed("other", read))
		}
		if err := r.SetKeys(keys); err != nil {
			t.Error(err)
		}
		headWith(t, client, "secret-other") // refused or not
	}
	stop()
	calls.Wait()
	eventually(t, "the calls are released", func() bool { return r.LastingCalls() == 0 })
}

func TestVerifiedCertificateIsAKey(t *testing.T) {
	authority := newAuthority(t)
	m := startMutual(t, authority)
	bound := keyNamed("bound", read)
	bound.Certificate = "gateway"
	if err := m.SetKeys([]server.Key{bound, {Name: "billing", Certificate: "billing.internal", Rights: read}}); err != nil {
		t.Fatal(err)
	}
	clientNamed := func(name string) umadbv1.DCBClient {
		return m.client(t, m.with(identity(t, authority, name, x509.ExtKeyUsageClientAuth)))
	}
	wantHead(t, clientNamed("billing.internal"), codes.OK, "the certificate of a key")
	wantHead(t, clientNamed("other"), codes.Unauthenticated, "the certificate of no key")
	gateway := clientNamed("gateway")
	wantHead(t, gateway, codes.Unauthenticated, "a certificate without its key")
	if st := headWith(t, gateway, "secret-bound"); st.Code() != codes.OK {
		t.Errorf("a certificate with its key: %v", st)
	}
	if st := headWith(t, clientNamed("billing.internal"), "secret-bound"); st.Code() != codes.Unauthenticated {
		t.Errorf("a key with another certificate: %v", st)
	}
}

func TestCallsAreCountedByKey(t *testing.T) {
	reader := keyNamed("reader", read)
	r := startWithKeys(t, newMemoryStore(), server.Options{APIKey: apiKey}, reader, keyNamed("removed", read))
	client := r.client(t)
	headWith(t, client, apiKey)
	headWith(t, client, "secret-reader")
	headWith(t, client, "secret-removed")
	headWith(t, client, "unknown")
	_, _ = client.Append(with(within(t, patience), "secret-reader"), &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent()}})
	_, _ = client.GetTrackingInfo(with(within(t, patience), apiKey), &umadbv1.TrackingRequest{Source: strings.Repeat("x", 256)})

	reader.Hash = hashOf("another")
	if err := r.SetKeys([]server.Key{reader}); err != nil {
		t.Fatal(err)
	}
	headWith(t, client, "another")
	want := []server.KeyMetrics{{Name: server.APIKeyName, OK: 1, Failed: 1}, {Name: "reader", OK: 2, Refused: 1}}
	eventually(t, "the calls are counted", func() bool { return slices.Equal(r.Metrics().Keys, want) })
}
