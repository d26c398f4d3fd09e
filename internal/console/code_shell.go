package console

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/umadb-go/umadb/internal/selection"
)

// readCommand returns the command that reads what a page shows.
func readCommand(b browsing, e endpoints) string {
	words := []string{"umadb read --url", shellQuote(e.server)}
	if e.directory != "" {
		words = []string{"umadb read --db-path", shellQuote(e.directory)}
	}
	for i, item := range b.Query.Items {
		names := itemWords("--type\x00", item.Types, "--tag\x00", item.Tags)
		if i > 0 || len(names) == 0 {
			words = append(words, "--item", shellQuote(selection.FormatItem(item)))
			continue
		}
		for _, name := range names {
			flag, value, _ := strings.Cut(name, "\x00")
			words = append(words, flag+flagValue(value))
		}
	}
	for _, name := range []string{"since", "until"} {
		if text := b.values.Get(name); text != "" {
			words = append(words, "--"+name, shellQuote(text))
		}
	}
	if start := b.Options.Start; start != nil {
		words = append(words, "--start", strconv.FormatUint(*start, 10))
	}
	if b.Options.Backwards {
		words = append(words, "--backwards")
	}
	if b.asked != nil {
		words = append(words, "--limit", strconv.FormatUint(uint64(*b.asked), 10))
	}
	return strings.Join(words, " ")
}

// flagValue returns the value of a flag, with = before it if it could be read as another flag.
func flagValue(value string) string {
	if value == "" || value[0] == '-' {
		return "=" + shellQuote(value)
	}
	return " " + shellQuote(value)
}

// apiValues returns the parameters of /v1/events for what a page shows.
func apiValues(b browsing) url.Values {
	values := valuesOf(b.Query)
	for _, name := range []string{"since", "until"} {
		if text := b.values.Get(name); text != "" {
			values.Set(name, text)
		}
	}
	if start := b.Options.Start; start != nil {
		values.Set("start", strconv.FormatUint(*start, 10))
	}
	if b.Options.Backwards {
		values.Set("backwards", "true")
	}
	if b.asked != nil {
		values.Set("limit", strconv.FormatUint(uint64(*b.asked), 10))
	}
	return values
}

func curlCommand(e endpoints, values url.Values) string {
	command := "curl -sS "
	if e.hasKey {
		command += `-H "Authorization: Bearer $UMADB_API_KEY" `
	}
	return command + shellQuote(e.http+"/v1/events?"+values.Encode())
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellQuote returns a word for the shell. Characters that a terminal does not print, which may be the input
// of its user or change how the text reads, are escapes.
func shellQuote(word string) string {
	switch {
	case plainWord.MatchString(word):
		return word
	case isPrintable(word):
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	var out strings.Builder
	out.WriteString("$'")
	for len(word) > 0 {
		r, n := utf8.DecodeRuneInString(word)
		switch {
		case r == '\'' || r == '\\':
			out.WriteString(`\` + word[:n])
		case isPrintable(word[:n]):
			out.WriteString(word[:n])
		default:
			for _, b := range []byte(word[:n]) {
				fmt.Fprintf(&out, `\%03o`, b) // three digits end it, so that others may follow
			}
		}
		word = word[n:]
	}
	return out.String() + "'"
}

// isPrintable reports whether text is UTF-8 without characters that are not printed.
func isPrintable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}
