package interop_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/storetest"
)

const (
	notInvalid  = "it says INTERNAL, without details, to what is not UTF-8"
	pageSize    = "its events must fit a page"
	resetsLimit = "it closes a connection on which many calls are cancelled"
)

// otherwise is what the released server does otherwise, beside what the suite
// knows to be better here.
var otherwise = map[string]string{
	"contexts/an_append_that_is_cancelled_is_there_as_a_whole_or_not_at_all": resetsLimit,
	"contexts/who_leaves_harms_nobody_else":                                  resetsLimit,
	"errors/after_an_error_everything_goes_on":                               notInvalid,
	"errors/an_invalid_event_is_an_invalid_argument":                         notInvalid,
	"errors/an_invalid_query_is_an_invalid_argument":                         notInvalid,
	"events/a_metadata_key_must_be_UTF-8":                                    notInvalid,
	"events/a_metadata_value_must_be_UTF-8":                                  notInvalid,
	"events/a_tag_must_be_UTF-8":                                             notInvalid,
	"events/a_type_must_be_UTF-8":                                            notInvalid,
	"events/one_invalid_event_keeps_out_all_events_of_the_append":            notInvalid,
	"tracking/a_source_must_be_UTF-8":                                        notInvalid,
	"events/a_type_and_tags_may_be_long":                                     pageSize,
	"events/many_tags_and_metadata":                                          pageSize,
	"limits/65535_tags_are_accepted":                                         pageSize,
	"retry/an_append_that_repeats_a_UUID_is_never_a_retry":                   "it takes one for a retry",
	"subscribing/after_the_greatest_position_nothing_ever_comes":             "it ends that subscription",
}

// Our client keeps the promises of an event store over the released server too,
// as far as that server does. Each rule is given a server of its own.
func TestGoClientWithReleasedServer(t *testing.T) {
	released(t)
	for _, c := range channels {
		t.Run(c.name, func(t *testing.T) {
			prefix := t.Name() + "/"
			storetest.Run(t, func(rule storetest.T) dcb.EventStore {
				t := rule.(testing.TB)
				if reason, known := otherwise[strings.TrimPrefix(t.Name(), prefix)]; known {
					t.Skip(reason)
				}
				return dial(t, startReleased(t, c))
			}, storetest.Options{SkipBetter: true})
		})
	}
}

// The same over our server, every rule of the behaviour.
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

// dial connects our client.
func dial(t testing.TB, server *running) dcb.EventStore {
	t.Helper()
	store, err := umadb.Dial(server.url, &umadb.DialOptions{CAFile: server.ca, APIKey: server.apiKey})
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
			store, err := umadb.Dial(server.url, &umadb.DialOptions{CAFile: server.ca, APIKey: key})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			if _, err := store.Head(t.Context()); !errors.Is(err, dcb.ErrAuthentication) {
				t.Errorf("head gave %v", err)
			}
			if _, err := store.Append(t.Context(), []dcb.Event{{Type: "Enrolled"}}, nil, nil); !errors.Is(err, dcb.ErrAuthentication) {
				t.Errorf("append gave %v", err)
			}
			if _, _, err := store.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect(); !errors.Is(err, dcb.ErrAuthentication) {
				t.Errorf("read gave %v", err)
			}
		})
	}
	for name, url := range map[string]string{
		"an unknown authority": server.url,
		"no TLS":               "http" + strings.TrimPrefix(server.url, "https"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := umadb.Dial(url, &umadb.DialOptions{ConnectTimeout: 2 * time.Second})
			if !errors.Is(err, dcb.ErrTransport) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestGoClientAsksReleasedServerForItsHealth(t *testing.T) {
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

// Subscriptions of one client, more than a connection takes, all get an event that the
// same client appends.
func TestManySubscriptionsOfOneClient(t *testing.T) {
	const count = 1100
	for name, server := range map[string]func(testing.TB, channel) *running{"our server": startOurs, "released server": startReleased} {
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
			var begun, ended sync.WaitGroup
			begun.Add(count)
			for range count {
				ended.Go(func() {
					reached := sync.OnceFunc(begun.Done)
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
			begun.Wait()
			append()
			ended.Wait()
		})
	}
}
