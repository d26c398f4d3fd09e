package interop_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	publicclient "github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/storetest"
)

const (
	notInvalid  = "returns INTERNAL without details for text that is not UTF-8"
	pageSize    = "limits an event to a page"
	resetsLimit = "closes a connection on which many calls are cancelled"
)

// differences contains the rules that the released server does not follow, in
// addition to those that the suite marks as better.
var differences = map[string]string{
	"contexts/a_cancelled_append_is_written_as_a_whole_or_not_at_all": resetsLimit,
	"contexts/a_cancelled_append_does_not_affect_others":              resetsLimit,
	"errors/the_store_works_after_an_error":                           notInvalid,
	"errors/an_invalid_event_is_an_invalid_argument":                  notInvalid,
	"errors/an_invalid_query_is_an_invalid_argument":                  notInvalid,
	"events/a_metadata_key_must_be_UTF-8":                             notInvalid,
	"events/a_metadata_value_must_be_UTF-8":                           notInvalid,
	"events/a_tag_must_be_UTF-8":                                      notInvalid,
	"events/a_type_must_be_UTF-8":                                     notInvalid,
	"events/one_invalid_event_rejects_the_whole_append":               notInvalid,
	"tracking/a_source_must_be_UTF-8":                                 notInvalid,
	"events/a_type_and_tags_may_be_long":                              pageSize,
	"events/many_tags_and_metadata":                                   pageSize,
	"limits/65535_tags_are_accepted":                                  pageSize,
	"retry/an_append_that_repeats_a_UUID_is_never_a_retry":            "treats it as a retry",
	"subscribing/after_the_maximum_position_nothing_is_delivered":     "ends such a subscription",
}

// TestGoClientWithReleasedServer runs the conformance suite with our client and
// the released server, except for the rules that this server does not follow. Each
// rule has its own server.
func TestGoClientWithReleasedServer(t *testing.T) {
	released(t)
	for _, c := range channels {
		t.Run(c.name, func(t *testing.T) {
			prefix := t.Name() + "/"
			storetest.Run(t, func(rule storetest.T) dcb.EventStore {
				t := rule.(testing.TB)
				if reason, known := differences[strings.TrimPrefix(t.Name(), prefix)]; known {
					t.Skip(reason)
				}
				return dial(t, startReleased(t, c))
			}, storetest.Options{SkipBetter: true})
		})
	}
}

// TestGoClientWithOurServer runs the whole conformance suite with our server.
func TestGoClientWithOurServer(t *testing.T) {
	for _, c := range channels {
		t.Run(c.name, func(t *testing.T) {
			storetest.Run(t, func(rule storetest.T) dcb.EventStore {
				t := rule.(testing.TB)
				return dial(t, startOurs(t, c))
			}, storetest.Options{})
		})
	}
}

// dial returns our client, connected to server.
func dial(t testing.TB, server *testServer) dcb.EventStore {
	t.Helper()
	store, err := publicclient.Dial(server.url, &publicclient.Options{CAFile: server.ca, APIKey: server.apiKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func TestGoClientIsRefusedByReleasedServer(t *testing.T) {
	server := startReleased(t, channel{"TLS and key", true})
	for _, key := range []string{"", "wrong", server.apiKey + "x"} {
		t.Run("key "+key, func(t *testing.T) {
			store, err := publicclient.Dial(server.url, &publicclient.Options{CAFile: server.ca, APIKey: key})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			if _, err := store.Head(t.Context()); !errors.Is(err, dcb.ErrAuthentication) {
				t.Errorf("head: %v", err)
			}
			if _, err := store.Append(t.Context(), []dcb.Event{{Type: "Enrolled"}}, nil, nil); !errors.Is(err, dcb.ErrAuthentication) {
				t.Errorf("append: %v", err)
			}
			if _, _, err := store.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect(); !errors.Is(err, dcb.ErrAuthentication) {
				t.Errorf("read: %v", err)
			}
		})
	}
	for name, url := range map[string]string{
		"an unknown authority": server.url,
		"no TLS":               "http" + strings.TrimPrefix(server.url, "https"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := publicclient.Dial(url, &publicclient.Options{ConnectTimeout: 2 * time.Second})
			if !errors.Is(err, dcb.ErrTransport) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestGoClientChecksHealthOfReleasedServer(t *testing.T) {
	for _, c := range channels {
		t.Run(c.name, func(t *testing.T) {
			server := startReleased(t, c)
			connection, err := client.Dial(server.url, &client.Options{CAFile: server.ca, APIKey: server.apiKey})
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			status, err := connection.CheckHealth(t.Context(), "")
			if err != nil || status != client.HealthServing {
				t.Errorf("got %v, %v", status, err)
			}
		})
	}
}

// TestManySubscriptionsOfOneClient opens more subscriptions than one connection
// allows and checks that all deliver an event that the same client appends.
func TestManySubscriptionsOfOneClient(t *testing.T) {
	const count = 1100
	for name, server := range map[string]func(testing.TB, channel) *testServer{"our server": startOurs, "released server": startReleased} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			store := dial(t, server(t, channels[0]))
			append := func() {
				if _, err := store.Append(ctx, []dcb.Event{{Type: "Happened"}}, nil, nil); err != nil {
					t.Error(err)
				}
			}
			append()
			var started, ended sync.WaitGroup
			started.Add(count)
			for range count {
				ended.Go(func() {
					reached := sync.OnceFunc(started.Done)
					defer reached()
					for event, err := range store.Subscribe(ctx, dcb.Query{}, 0) {
						switch {
						case err != nil:
							t.Error(err)
						case event.Position == 1:
							reached()
							continue
						}
						return
					}
				})
			}
			started.Wait()
			append()
			ended.Wait()
		})
	}
}
