package client_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/servertest"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// newCertificate creates a certificate for 127.0.0.1, and returns it as the credentials of
// a server and as a CA file.
func newCertificate(t *testing.T) (credentials.TransportCredentials, string) {
	t.Helper()
	files, err := servertest.WriteCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	transport, err := credentials.NewServerTLSFromFile(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	return transport, files.CA
}

func TestAPIKeyIsSentWithEveryCall(t *testing.T) {
	var keys []string
	note := func(ctx context.Context) error {
		keys = append(keys, strings.Join(metadata.ValueFromIncomingContext(ctx, "authorization"), "|"))
		return nil
	}
	s := &scripted{
		onAppend:   func(ctx context.Context, _ *umadbv1.AppendRequest) (uint64, error) { return 0, note(ctx) },
		onHead:     func(ctx context.Context) (*uint64, error) { return nil, note(ctx) },
		onTracking: func(ctx context.Context, _ string) (*uint64, error) { return nil, note(ctx) },
		onRead: func(_ *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
			return note(stream.Context())
		},
		onSubscribe: func(_ *umadbv1.SubscribeRequest, stream grpc.ServerStreamingServer[umadbv1.SubscribeResponse]) error {
			return note(stream.Context())
		},
	}
	transport, caFile := newCertificate(t)
	s.start(t, "127.0.0.1:0", grpc.Creds(transport))
	c := dial(t, strings.Replace(s.url, "http", "https", 1), &client.Options{CAFile: caFile, APIKey: "secret", NoResume: true})
	for name, err := range callEveryMethod(t, c) {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if want := slices.Repeat([]string{"Bearer secret"}, 5); !slices.Equal(keys, want) {
		t.Errorf("the server received the keys %q", keys)
	}
}

func TestAPIKeyIsNotSentUnencrypted(t *testing.T) {
	s := new(scripted)
	s.start(t, "127.0.0.1:0")
	c := dial(t, s.url, &client.Options{APIKey: "secret"})
	for name, err := range callEveryMethod(t, c) {
		if !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "not encrypted") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDialRejectsKeyThatCannotBeSent(t *testing.T) {
	for _, url := range []string{"http://localhost", "https://localhost"} {
		for _, key := range []string{"secret\n", " secret", "sécret"} {
			_, err := client.Dial(url, &client.Options{APIKey: key})
			if !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), "API key") || strings.Contains(err.Error(), key) {
				t.Errorf("%s with the key %q: %v", url, key, err)
			}
		}
	}
}

func TestUntrustedCertificate(t *testing.T) {
	s := new(scripted)
	transport, _ := newCertificate(t)
	s.start(t, servertest.Address(t), grpc.Creds(transport))
	_, err := client.Dial(strings.Replace(s.url, "http", "https", 1), &client.Options{ConnectTimeout: time.Hour})
	if !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "within") {
		t.Errorf("with TLS: %v", err)
	}
	address := strings.TrimPrefix(s.url, "http://")
	s.grpc.Stop()
	late := time.AfterFunc(250*time.Millisecond, func() { s.start(t, address, grpc.Creds(transport)) })
	defer late.Stop()
	_, err = client.Dial("https://"+address, &client.Options{ConnectTimeout: time.Hour})
	if !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "within") {
		t.Errorf("with TLS, of a server that starts: %v", err)
	}
	if _, err := client.Dial(s.url, &client.Options{ConnectTimeout: 300 * time.Millisecond}); !errors.Is(err, dcb.ErrTransport) {
		t.Errorf("without: %v", err)
	}
}

// callEveryMethod calls every method of an EventStore and returns the errors by method.
func callEveryMethod(t *testing.T, c *client.Client) map[string]error {
	t.Helper()
	ctx := within(t, patience)
	errs := map[string]error{}
	_, errs["append"] = c.Append(ctx, nil, nil, nil)
	_, errs["head"] = c.Head(ctx)
	_, _, errs["tracking"] = c.GetTrackingInfo(ctx, "s")
	_, _, errs["read"] = c.Read(ctx, dcb.Query{}, dcb.ReadOptions{}).Collect()
	errs["subscribe"] = nil
	for _, err := range c.Subscribe(ctx, dcb.Query{}, 0) {
		errs["subscribe"] = err
	}
	return errs
}
