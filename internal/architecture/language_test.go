package architecture_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// phrase is a phrase that no text in the repository may contain.
type phrase struct {
	pattern string // regular expression, case-insensitive; a space also matches a line break
	except  string // regular expression; a match within one of its matches is allowed
	instead string
}

// banned is the list of phrases. docs/glossary.md has the terms to use.
var banned = []phrase{
	// Verbs.
	{`\bgives\b`, `gives up`, "returns, prints, passes, produces"},
	{`\b(gives?|giving|given|gave) back\b`, ``, "return, release"},
	{`\btells\b`, ``, "reports, shows, describes"},
	{`\btold\b`, ``, "notified, passed, reported"},
	{`\b(says?|said|looks?|asks?) whether\b`, ``, "reports whether, checks whether"},
	{`\b(puts?|putting) away\b`, ``, "close, remove, clean up"},
	{`\bbears?\b`, ``, "has, contains"},
	{`\b(rests?|resting|rested) on\b`, ``, "depends on"},
	{`\bis content\b`, ``, "accepts, succeeds"},
	{`\b(goes|go|gone|went|going) wrong\b`, ``, "fails, failed"},
	{`\bwhat is wrong\b`, ``, "the error, the problem"},
	{`\breckon`, ``, "count, expect"},
	{`\brehears`, ``, "check in advance, preflight"},
	{`\bput together\b`, ``, "built"},
	{`\b(gets?|getting|got) to know\b`, ``, "learn"},
	{`\b(sees?|saw) to it\b`, ``, "ensure"},
	{`\bgo(es)? on\b`, ``, "continue"},
	{`\bcomes? to\b`, ``, "reach"},
	{`\b(lies|stands in)\b`, ``, "is"},
	{`\bbe had\b`, ``, "be obtained, is available"},

	// Nouns and pronouns.
	{`\bwhoever\b`, ``, "the caller, the client"},
	{`\b(no|some|any|every)body\b`, ``, "caller, client, process"},
	{`\banyone's\b`, ``, "undefined"},
	{`\bdoors?\b`, ``, "API, entry point"},
	{`\bshel(f|ves)\b`, ``, "list, directory"},
	{`\bstor(y|ies)\b`, ``, "description, overview"},
	{`\brooms?\b`, ``, "space, capacity, memory; package"},
	{`\bthe way of\b`, ``, "path, life"},

	// Time and order.
	{`\bbehind\b`, `behind ((a|an|the|each|every|one|such a) )?([a-z]+ )?(prox|nginx|haproxy|caddy|load balancer)|` +
		`\b(leave|leaves|left|leaving)( [^\s.]+){0,4} behind|\b(lag|lags|lagging|fall|falls|fell|far|servers?|ideas?) behind`, "after"},
	{`\bany more\b`, `\b(no|not) any more than\b`, "no longer"},
	{`\bbegun\b`, ``, "started"},
	{`\banew\b`, ``, "again"},
	{`\bunder way\b`, ``, "in progress"},
	{`\bon (its|their) way\b`, ``, "in flight"},
	{`\bat work\b`, ``, "running, busy"},
	{`\bfor ever\b`, ``, "forever"},
	{`\bas long as (it|they) likes?\b`, ``, "without a limit"},
	{`\b(comes?|came) to this\b`, ``, "is reached"},
	{`\bin hand\b`, ``, "in memory, available"},
	{`\bby (itself|themselves)\b`, ``, "on its own"},

	// Terms of the glossary, also within identifiers.
	{`damag\w*`, "`damaged`", "corruption, corrupt"}, // former output of umadb check, in the changelog
	{`verdict\w*`, "`verdict`", "result"},            // former output of umadb check, in the changelog
	{`eventless`, ``, "tracking-only"},
	{`(?-i:[oO]utOfPlace|\b[iI]nPlace)`, ``, "isNextPosition, not contiguous"},
	{`memory blocks?\b`, ``, "head block"},
	{`joiner`, `zero-?width ?(non-?)?joiner`, "compactor"},
	{`\bjoin(s|ed|ing)? (index )?blocks?\b`, ``, "compact, merge"},
	{`KindMark`, ``, "KindClose"},
	{`keyring`, ``, "authenticator"},
	{`parcel`, ``, "in-flight response"},
	{`outbox`, `transactional outbox|outbox (pattern|table)`, "send window"},
	{`\bundone\b`, ``, "not sent"},
	{`\blean\b`, ``, "low memory"},
}

// TestLanguage checks all text files in git.
func TestLanguage(t *testing.T) {
	for _, file := range textFiles(t) {
		for _, hit := range findBanned(file.text) {
			t.Errorf("%s:%d: do not write %q, but: %s", file.path, hit.line, hit.text, hit.instead)
		}
	}
}

func TestFindBanned(t *testing.T) {
	for _, c := range []struct {
		text string
		want []hit
	}{
		{"Head returns the head.", nil},
		{"a proxy\nTells nobody", []hit{{2, "Tells", ""}, {2, "nobody", ""}}},
		{"// what is not used any\n\t// more, it closes", []hit{{1, "any\n\t// more", ""}}},
		{"one blank line any\n\nmore", nil},
		{"verdictOf, OutOfPlace and inPlace, but in place", []hit{{1, "verdictOf", ""}, {1, "OutOfPlace", ""}, {1, "inPlace", ""}}},
		{"`verdict` of a damaged block", []hit{{1, "damaged", ""}}},
		{"a server behind a proxy, behind HAProxy, behind the group", []hit{{1, "behind", ""}}},
		{"leaves no file behind; the subscription may fall behind", nil},
		{"const zeroWidthNonJoiner, runJoiner", []hit{{1, "Joiner", ""}}},
	} {
		got := findBanned(c.text)
		for i := range got {
			got[i].instead = ""
		}
		slices.SortFunc(got, func(a, b hit) int { return strings.Index(c.text, a.text) - strings.Index(c.text, b.text) })
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: found %v, want %v", c.text, got, c.want)
		}
	}
}

// hit is a use of a banned phrase.
type hit struct {
	line    int
	text    string
	instead string
}

func findBanned(text string) (hits []hit) {
	if !anyBanned().MatchString(text) {
		return nil // the common case, for speed
	}
	for _, p := range banned {
		found := expression(p.pattern).FindAllStringIndex(text, -1)
		var allowed [][]int
		if len(found) > 0 && p.except != "" {
			allowed = expression(p.except).FindAllStringIndex(text, -1)
		}
		for _, at := range found {
			if slices.ContainsFunc(allowed, func(a []int) bool { return a[0] <= at[0] && at[1] <= a[1] }) {
				continue
			}
			hits = append(hits, hit{1 + strings.Count(text[:at[0]], "\n"), text[at[0]:at[1]], p.instead})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return a.line - b.line })
	return hits
}

// expression compiles a pattern of the table. A space also matches a line break and
// the comment marker of the next line.
func expression(pattern string) *regexp.Regexp {
	return regexp.MustCompile("(?i)" + strings.ReplaceAll(pattern, " ", `(?: +|[ \t]*\n[ \t/#*>]*)`))
}

// anyBanned matches all patterns of the table.
var anyBanned = sync.OnceValue(func() *regexp.Regexp {
	var patterns []string
	for _, p := range banned {
		patterns = append(patterns, p.pattern)
	}
	return expression(strings.Join(patterns, "|"))
})

// textFile is a file in git. text contains the part of it that is checked.
type textFile struct{ path, text string }

// unchecked matches the paths of files that are not checked: this file, measurements,
// test data, libraries, licences, generated code and checksums.
var unchecked = regexp.MustCompile(`^internal/architecture/language_test\.go$|^bench/results/|^internal/console/static/lib/|(^|/)testdata/|` +
	`^python/tests/data/seed-python-client\.md$|(^|/)LICENSE-|\.pb\.go$|(^|/)go\.sum$|\.lock$`)

// textFiles returns the text files in git that are checked.
func textFiles(t *testing.T) (files []textFile) {
	t.Helper()
	root := filepath.Join("..", "..")
	command := exec.Command("git", "ls-files", "-z")
	command.Dir = root
	output, err := command.Output()
	if err != nil {
		t.Skipf("git ls-files: %v", err)
	}
	for path := range strings.SplitSeq(strings.TrimSuffix(string(output), "\x00"), "\x00") {
		if unchecked.MatchString(path) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, but not committed
		}
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(content, 0) {
			continue // binary
		}
		text := string(content)
		if path == "CHANGELOG.md" {
			text = recentChanges(text)
		}
		files = append(files, textFile{path, text})
	}
	return files
}

// recentChanges returns the changelog without the sections below that of 0.8.0.
func recentChanges(text string) string {
	above, below, _ := strings.Cut(text, "\n## 0.8.0")
	section, _, _ := strings.Cut(below, "\n## ")
	return above + "\n## 0.8.0" + section
}
