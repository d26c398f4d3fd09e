package httpapi

import (
	"runtime"
	"strings"
	"testing"
)

// A body of many small parts is refused at the limit: the rest, which is not JSON, is not read, and the
// memory depends on the limit.
func TestAppendIsParsedUpToTheLimits(t *testing.T) {
	const many = 5_000_000
	for name, c := range map[string]struct{ begin, part, want string }{
		"events":    {`{"events":[`, `{"type":""}`, "it has more than 65536 events"},
		"no events": {`{"events":[`, `0`, "event 1: it must not be a number"},
		"items":     {`{"events":[],"condition":{"query":[`, `{}`, "its query has more than 65536 types and tags"},
		"types":     {`{"events":[],"condition":{"query":[{"types":[`, `""`, "its query has more than 65536 types and tags"},
		"names":     {`{"events":[],"condition":{"query":[`, `{"types":["",""],"tags":[""]}`, "its query has more than 65536 types and tags"},
		"tags":      {`{"events":[`, `{"type":"","tags":["","","","",""]}`, "it has more than 262144 tags up to event 52429"},
		"metadata":  {`{"events":[`, `{"type":"","metadata":{"a":"","b":"","c":"","d":"","e":""}}`, "it has more than 262144 metadata entries up to event 52429"},
	} {
		t.Run(name, func(t *testing.T) {
			body := []byte(c.begin + strings.Repeat(c.part+",", many/len(c.part)) + "!")
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, _, err := parseAppend(body)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("the error is %v, want %s", err, c.want)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 256<<20 {
				t.Errorf("it takes %d MiB", allocated>>20)
			}
		})
	}
}

// One event is parsed up to its limits. Its JSON must be complete before.
func TestEventIsParsedUpToTheLimits(t *testing.T) {
	const many = 1_000_000
	tags := `{"events":[{"type":"","tags":[""` + strings.Repeat(`,""`, many) + `]}]}`
	if _, _, _, err := parseAppend([]byte(tags)); err == nil || !strings.HasPrefix(err.Error(), "event 1: /tags has more than 65535 elements") {
		t.Errorf("the error is %v", err)
	}
}
