package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/umadb-go/umadb/internal/ndjson"
)

// The content of a store may come from an untrusted client, and a terminal executes control
// sequences. So text output must use appendWord, isText or EscapeControl.

// appendWord appends text as one unambiguous word: unchanged, or quoted as in Go if
// necessary. It also quotes a text that contains one of the reserved characters.
func appendWord(dst []byte, text, reserved string) []byte {
	if isWord(text) && !strings.ContainsAny(text, reserved) {
		return append(dst, text...)
	}
	return strconv.AppendQuote(dst, text)
}

// word is appendWord, as a string.
func word(text string) string { return string(appendWord(nil, text, "")) }

// isWord reports whether text is printable, without spaces, and does not look quoted.
func isWord(text string) bool {
	if text == "" || text[0] == '"' || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if r == ' ' || !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

// isText reports whether data can be printed unchanged: it is UTF-8 without control
// characters except line ends and tabs.
func isText(data []byte) bool {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == '\n', r == '\t':
		case r == '\r' && i+1 < len(data) && data[i+1] == '\n':
		case r == utf8.RuneError && size == 1, ndjson.IsControl(r):
			return false
		}
		i += size
	}
	return true
}

// EscapeControl returns message with its control characters escaped, except newlines. They
// may come from an event, a file or a server.
func EscapeControl(message string) string {
	var b strings.Builder
	for _, r := range message {
		if r == '\n' || !ndjson.IsControl(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// plural returns n with noun, in the plural unless n is 1.
func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// bytesText formats a number of bytes with a binary unit.
func bytesText(n uint64) string {
	if n < 1<<10 {
		return plural(n, "byte")
	}
	value, unit := float64(n)/(1<<10), "KiB"
	for _, larger := range []string{"MiB", "GiB", "TiB"} {
		if value < 1<<10 {
			break
		}
		value, unit = value/(1<<10), larger
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// pace formats a duration and, if there were events, their rate.
func pace(events uint64, took time.Duration) string {
	seconds := took.Seconds()
	if events == 0 || seconds < 0.001 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	return fmt.Sprintf("%.1f s, %.0f/s", seconds, float64(events)/seconds)
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// wantsColour reports whether to print in colours: on a terminal that supports them, unless
// NO_COLOR is set (https://no-color.org).
func wantsColour(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
