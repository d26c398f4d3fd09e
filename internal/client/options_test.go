package client_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
)

func TestAPIKeyIsNotPrinted(t *testing.T) {
	const key = "s3cret"
	s := new(scripted)
	s.start(t, "127.0.0.1:0")
	options := client.Options{APIKey: key}
	c := dial(t, s.url, &options)
	for name, value := range map[string]any{
		"a client":                  c,
		"a store":                   dcb.EventStore(c),
		"a struct with a store":     struct{ Store dcb.EventStore }{c},
		"a struct with a client":    struct{ store *client.Client }{c},
		"options":                   options,
		"a pointer to options":      &options,
		"a struct with options":     struct{ Options client.Options }{options},
		"a slice of options":        []client.Options{options},
		"options in a map":          map[string]*client.Options{"a": &options},
		"options without a key":     client.Options{},
		"a nil pointer to options":  (*client.Options)(nil),
		"a nil pointer to a client": (*client.Client)(nil),
	} {
		var printed bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
			fmt.Fprintf(&printed, verb+"\n", value)
		}
		slog.New(slog.NewTextHandler(&printed, nil)).Info("", "about", value)
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("", "about", value)
		text := printed.String()
		if strings.Contains(text, key) || strings.Contains(text, hex.EncodeToString([]byte(key))) {
			t.Errorf("%s: the key is printed:\n%s", name, text)
		}
	}
	if text := fmt.Sprintf("%+v", c); text != "UmaDB client of "+s.url {
		t.Errorf("a client is printed as %q", text)
	}
	if text := fmt.Sprintf("%+v", options); !strings.Contains(text, "APIKey:(hidden)") || !strings.Contains(text, "FailFast:false") {
		t.Errorf("options are printed as %q", text)
	}
}

func TestPingsHaveAMinimumInterval(t *testing.T) {
	for set, want := range map[time.Duration]time.Duration{
		0:                10 * time.Second,
		time.Second:      10 * time.Second,
		11 * time.Second: 11 * time.Second,
	} {
		if got := client.KeepAlive(client.Options{KeepAlive: set}, false); got != want {
			t.Errorf("%v becomes %v", set, got)
		}
	}
	for set, want := range map[time.Duration]time.Duration{
		0:                2500 * time.Millisecond,
		time.Second:      2500 * time.Millisecond,
		11 * time.Second: 11 * time.Second,
	} {
		if got := client.KeepAlive(client.Options{KeepAlive: set}, true); got != want {
			t.Errorf("with several servers, %v becomes %v", set, got)
		}
	}
}

// A user or password in a URL by mistake does not appear in errors, which are logged.
func TestErrorsHaveNoPasswordOfTheURL(t *testing.T) {
	for text, want := range map[string]string{
		"http://name:secret@host:1":    `invalid URL "http://xxxxx@host:1": it contains a user`,
		"http://name:sec@ret@host:1":   `invalid URL "http://xxxxx@host:1": it contains a user`,
		"ftp://name:secret@host":       `invalid URL "ftp://xxxxx@host": it must start with`,
		"http://name:secret@host:%":    `invalid URL "http://xxxxx@host:%": it cannot be parsed`,
		"http://name:secret/more@host": `invalid URL "http://xxxxx@host": `,
		"name:secret@host":             `invalid URL "xxxxx@host": it must start with`,
		"http://host:99999":            `invalid URL "http://host:99999": its port`,
	} {
		if err := client.CheckURL(text); err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
