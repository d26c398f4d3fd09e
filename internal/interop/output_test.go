package interop_test

import (
	"regexp"
	"strings"
	"testing"
)

// varying matches texts that differ between runs: an expected UUID or time matches
// any other.
var varying = []*regexp.Regexp{
	regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
	regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`),
}

// matchesOutput reports whether output is the documented one. In want, … matches
// any text within a line, and a line that is only … matches any number of lines.
func matchesOutput(want, output string) bool {
	for _, pattern := range varying {
		want = pattern.ReplaceAllString(want, "<varies>")
		output = pattern.ReplaceAllString(output, "<varies>")
	}
	pattern := regexp.QuoteMeta(want)
	pattern = regexp.MustCompile(`(?m)^…\n`).ReplaceAllString(pattern, `(?:.*\n)*`)
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	return regexp.MustCompile(`\A` + pattern + `\z`).MatchString(output)
}

func TestMatchesOutput(t *testing.T) {
	for _, c := range []struct {
		want, output string
		ok           bool
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
		if matchesOutput(c.want, c.output) != c.ok {
			t.Errorf("%q matched by %q: want %v", c.want, c.output, c.ok)
		}
	}
}
