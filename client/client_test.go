package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"testing"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/umadbtest"
)

func TestOptionsAreNotPrintedWithTheKey(t *testing.T) {
	options := client.Options{CAFile: "ca.pem", APIKey: "s3cret"}
	var printed bytes.Buffer
	fmt.Fprintf(&printed, "%v %+v %#v %s %x", options, options, options, &options, options)
	slog.New(slog.NewTextHandler(&printed, nil)).Info("", "options", options)
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("", "options", &options)
	text := printed.String()
	if strings.Contains(text, "s3cret") || strings.Contains(text, fmt.Sprintf("%x", "s3cret")) || !strings.Contains(text, "ca.pem") {
		t.Errorf("printed:\n%s", text)
	}
}

func TestDial(t *testing.T) {
	store, err := client.Dial(umadbtest.NewServer(t, umadbtest.NewStore(t)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if position, err := store.Append(t.Context(), []dcb.Event{{Type: "Started"}}, nil, nil); position != 1 || err != nil {
		t.Errorf("Append returns %d, %v", position, err)
	}
}

func ExampleDial() {
	url, stop := serve(umadb.OpenMemory())
	defer stop()

	store, err := client.Dial(url, &client.Options{BatchSize: 500})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	position, err := store.Append(context.Background(), []dcb.Event{{Type: "CourseDefined", Tags: []string{"course:1"}}}, nil, nil)
	fmt.Println(position, err)
	// Output: 1 <nil>
}

// By default Dial waits for a server that may be starting.
func ExampleOptions() {
	_, err := client.Dial("http://127.0.0.1:1", &client.Options{FailFast: true})
	fmt.Println(errors.Is(err, dcb.ErrTransport))
	// Output: true
}
