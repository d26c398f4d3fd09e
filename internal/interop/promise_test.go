package interop_test

import (
	"regexp"
	"strings"
	"testing"
)

// varying are the texts that are different each time: a UUID or a time of a
// promise stands for any other.
var varying = []*regexp.Regexp{
	regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
	regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`),
}

// keeps tells whether an output is what a document promises. In the promise, …
// stands for any text within a line, and alone on a line for any lines.
func keeps(promise, output string) bool {
	for _, pattern := range varying {
		promise = pattern.ReplaceAllString(promise, "<varies>")
		output = pattern.ReplaceAllString(output, "<varies>")
	}
	pattern := regexp.QuoteMeta(promise)
	pattern = regexp.MustCompile(`(?m)^…\n`).ReplaceAllString(pattern, `(?:.*\n)*`)
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	return regexp.MustCompile(`\A` + pattern + `\z`).MatchString(output)
}

func TestPromises(t *testing.T) {
	for _, c := range []struct {
		promise, output string
		kept            bool
	}{
		{"one\n", "one\n", true},
		{"one\n", "one\ntwo\n", false},
		{"a+b\n", "aab\n", false},
		{"took … s\n", "took 0.2 s\n", true},
		{"took … s\n", "took 0.2\n s\n", false},
		{"one\n…\nfour\n", "one\ntwo\nthree\nfour\n", true},
		{"one\n…\nfour\n", "one\nfour\n", true},
		{"one\n…\nfour\n", "one\ntwo\n", false},
		{"uuid 11111111-2222-3333-4444-555555555555\n", "uuid 6ba7b810-9dad-11d1-80b4-00c04fd430c8\n", true},
		{"uuid 11111111-2222-3333-4444-555555555555\n", "uuid none\n", false},
		{"time=2026-11-23T09:00:00.000Z\n", "time=2027-01-02T10:11:12.131+01:00\n", true},
	} {
		if keeps(c.promise, c.output) != c.kept {
			t.Errorf("%q kept by %q: want %v", c.promise, c.output, c.kept)
		}
	}
}
