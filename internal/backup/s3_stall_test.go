package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// Requests to an object store that has stopped answering, before or in an answer, fail.
func TestStalledObjectStoreIsNoticed(t *testing.T) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	requests := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r.Method
		_, _ = io.Copy(io.Discard, r.Body) // the server notices the end of a connection only afterwards
		if strings.HasSuffix(r.URL.Path, "/half") {
			w.Header().Set("Content-Length", "10")
			w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
			_, _ = io.WriteString(w, "start")
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}))
	defer server.Close()
	objects, err := openS3(t.Context(), "s3://bucket/prefix", server.URL, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for name, request := range map[string]func(context.Context) error{
		"list":   func(ctx context.Context) error { _, err := objects.List(ctx, ""); return err },
		"put":    func(ctx context.Context) error { return objects.Put(ctx, "a", contentOf("content")) },
		"get":    func(ctx context.Context) error { _, err := objects.Get(ctx, "a"); return err },
		"size":   func(ctx context.Context) error { _, err := objects.Size(ctx, "a"); return err },
		"delete": func(ctx context.Context) error { return objects.Delete(ctx, "a") },
		"body": func(ctx context.Context) error {
			r, err := objects.Get(ctx, "half")
			if err != nil {
				return fmt.Errorf("before the body: %v", err)
			}
			_, err = io.ReadAll(r)
			return asTransport("reading", errors.Join(err, r.Close()))
		},
	} {
		if err := request(t.Context()); !errors.Is(err, dcb.ErrTransport) || strings.Contains(err.Error(), "canceled") {
			t.Errorf("%s: %v", name, err)
		}
		select {
		case <-requests: // the server may notice it late
		case <-time.After(time.Minute):
			t.Fatalf("%s: no request", name)
		}
		if n := len(requests); n > 0 {
			t.Fatalf("%s: %d further requests", name, n)
		}
	}
}

func contentOf(content string) *io.SectionReader {
	return io.NewSectionReader(strings.NewReader(content), 0, int64(len(content)))
}
