package console

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
)

// readPython returns a Python program that reads what a page shows.
func readPython(b browsing, e endpoints) string {
	var out strings.Builder
	since, until := b.values.Get("since"), b.values.Get("until")
	timed := since != "" || until != ""
	if e.isSecure() {
		out.WriteString("import os\n")
	}
	if timed {
		out.WriteString("from datetime import datetime, timedelta, timezone\n")
	}
	if e.isSecure() || timed {
		out.WriteString("\n")
	}
	names := "Client"
	if len(b.Query.Items) > 0 {
		names += ", Query, QueryItem"
	}
	fmt.Fprintf(&out, "from umadb import %s\n\nclient = Client(%s", names, pythonString(e.pythonURL()))
	if e.isSecure() {
		out.WriteString(`, api_key=os.environ.get("UMADB_API_KEY")`)
	}
	out.WriteString(")\n")
	var arguments []string
	if len(b.Query.Items) > 0 {
		out.WriteString("query = Query([\n")
		for _, item := range b.Query.Items {
			fmt.Fprintf(&out, "    QueryItem(%s),\n", strings.Join(pythonItem(item), ", "))
		}
		out.WriteString("])\n")
		arguments = append(arguments, "query")
	}
	if since != "" {
		fmt.Fprintf(&out, "since = %s\nfirst = (client.position_at(since - timedelta(microseconds=1)) or 0) + 1\n", pythonTime(since, b.Since))
	}
	if until != "" {
		fmt.Fprintf(&out, "until = %s\nlast = client.position_at(until) or 0\n", pythonTime(until, b.Until))
	}
	if start := startExpression(b); start != "" {
		arguments = append(arguments, "start="+start)
	}
	if b.Options.Backwards {
		arguments = append(arguments, "backwards=True")
	}
	if b.asked != nil {
		arguments = append(arguments, fmt.Sprintf("limit=%d", *b.asked))
	}
	fmt.Fprintf(&out, "for sequenced in client.read(%s):\n", strings.Join(arguments, ", "))
	if condition := endCondition(b, "sequenced.position"); condition != "" {
		fmt.Fprintf(&out, "    if %s:\n        break\n", condition)
	}
	out.WriteString("    event = sequenced.event\n    print(sequenced.position, event.event_type, event.tags, event.data)\n")
	return out.String()
}

// pythonURL returns what a Client is created with. A directory is only read, which is possible while
// another process has it open.
func (e endpoints) pythonURL() string {
	if e.directory == "" {
		return e.server
	}
	return "file:" + e.directory + "?mode=ro"
}

// startExpression returns the position to start at, from the variables first and last of a program, in Python
// or Go. It is empty without one.
func startExpression(b browsing) string {
	bound, choose := "first", "max"
	has := b.values.Get("since") != ""
	if b.Options.Backwards {
		bound, choose, has = "last", "min", b.values.Get("until") != ""
	}
	switch start := b.Options.Start; {
	case start == nil && has:
		return bound
	case start == nil:
		return ""
	case has:
		return fmt.Sprintf("%s(%s, %d)", choose, bound, *start)
	default:
		return fmt.Sprint(*start)
	}
}

// endCondition returns the condition on which a program that reads in the order of a page is at
// the end of the times. It is empty without such an end.
func endCondition(b browsing, position string) string {
	switch {
	case b.Options.Backwards && b.values.Get("since") != "":
		return position + " < first"
	case !b.Options.Backwards && b.values.Get("until") != "":
		return position + " > last"
	}
	return ""
}

func pythonItem(item dcb.QueryItem) (arguments []string) {
	if len(item.Types) > 0 {
		arguments = append(arguments, "types="+pythonList(item.Types))
	}
	if len(item.Tags) > 0 {
		arguments = append(arguments, "tags="+pythonList(item.Tags))
	}
	return arguments
}

// pythonTime returns an expression for a time that was written as text.
func pythonTime(text string, at time.Time) string {
	if d, err := selection.ParseDuration(text); err == nil {
		return fmt.Sprintf("datetime.now(timezone.utc) - timedelta(microseconds=%d)", d.Microseconds())
	}
	return fmt.Sprintf("datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=%d)  # %s", at.UnixMicro(), at.UTC().Format(time.RFC3339Nano))
}

// eventPython returns an event as Python.
func eventPython(e dcb.Event) string {
	var out strings.Builder
	fmt.Fprintf(&out, "from umadb import Event\n\nevent = Event(\n    %s,\n    %s,\n", pythonString(e.Type), pythonBytes(e.Data))
	if len(e.Tags) > 0 {
		fmt.Fprintf(&out, "    %s,\n", pythonList(e.Tags))
	}
	if e.UUID != "" {
		fmt.Fprintf(&out, "    uuid=%s,\n", pythonString(e.UUID))
	}
	if len(e.Metadata) > 0 {
		var pairs []string
		for _, m := range e.Metadata {
			pairs = append(pairs, pythonString(m.Key)+": "+pythonString(m.Value))
		}
		fmt.Fprintf(&out, "    metadata={%s},\n", strings.Join(pairs, ", "))
	}
	out.WriteString(")\n")
	return out.String()
}

func pythonList(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = pythonString(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// pythonBytes returns a bytes literal, or the encoding of a string if it is better to read.
func pythonBytes(data []byte) string {
	for _, b := range data {
		if b >= utf8.RuneSelf && utf8.Valid(data) {
			return pythonString(string(data)) + ".encode()"
		}
	}
	return "b" + pythonQuote(string(data), func(out *strings.Builder, r rune, b byte) {
		if b < utf8.RuneSelf && unicode.IsPrint(rune(b)) {
			out.WriteByte(b)
		} else {
			fmt.Fprintf(out, `\x%02x`, b)
		}
	}, true)
}

func pythonString(text string) string {
	return pythonQuote(text, func(out *strings.Builder, r rune, _ byte) {
		switch {
		case unicode.IsPrint(r):
			out.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(out, `\U%08x`, r)
		default:
			fmt.Fprintf(out, `\u%04x`, r)
		}
	}, false)
}

// pythonQuote returns text in the quotes that need fewer escapes. other writes a character, or a byte
// if bytes is set, that has no short escape.
func pythonQuote(text string, other func(out *strings.Builder, r rune, b byte), bytes bool) string {
	quote := byte('"')
	if strings.Contains(text, `"`) && !strings.Contains(text, "'") {
		quote = '\''
	}
	var out strings.Builder
	out.WriteByte(quote)
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if bytes {
			n = 1
		}
		switch b := text[i]; {
		case b == quote || b == '\\':
			out.WriteByte('\\')
			out.WriteByte(b)
		case b == '\n':
			out.WriteString(`\n`)
		default:
			other(&out, r, b)
		}
		i += n
	}
	out.WriteByte(quote)
	return out.String()
}
