package console

import (
	"fmt"
	"go/format"
	"strconv"
	"strings"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
)

// readGo returns a Go program that reads what a page shows.
func readGo(b browsing, e endpoints) string {
	var out strings.Builder
	since, until := b.values.Get("since"), b.values.Get("until")
	imports := []string{"context", "fmt", "log"}
	library, open := "github.com/umadb-go/umadb/client", fmt.Sprintf("client.Dial(%q, nil)", e.server)
	switch {
	case e.directory != "": // another process may have it open
		library, open = "github.com/umadb-go/umadb", fmt.Sprintf("umadb.Open(%q, &umadb.Options{ReadOnly: true})", e.directory)
	case e.isSecure():
		imports = append(imports, "os")
		open = fmt.Sprintf(`client.Dial(%q, &client.Options{APIKey: os.Getenv("UMADB_API_KEY")})`, e.server)
	}
	if since != "" || until != "" {
		imports = append(imports, "time")
	}
	out.WriteString("package main\n\nimport (\n")
	for _, name := range imports {
		fmt.Fprintf(&out, "%q\n", name)
	}
	fmt.Fprintf(&out, `
%q
"github.com/umadb-go/umadb/dcb"
)

func main() {
ctx := context.Background()
store, err := %s
if err != nil {
log.Fatal(err)
}
defer store.Close()
`, library, open)
	if len(b.Query.Items) == 0 {
		out.WriteString("query := dcb.Query{}\n")
	} else {
		out.WriteString("query := dcb.Query{Items: []dcb.QueryItem{\n")
		for _, item := range b.Query.Items {
			fmt.Fprintf(&out, "{%s},\n", strings.Join(goItem(item), ", "))
		}
		out.WriteString("}}\n")
	}
	if since != "" {
		fmt.Fprintf(&out, "since := %s\nbefore, err := store.PositionAt(ctx, since.Add(-time.Nanosecond))\nif err != nil {\nlog.Fatal(err)\n}\nfirst := before+1\n", goTime(since, b.Since))
	}
	if until != "" {
		fmt.Fprintf(&out, "last, err := store.PositionAt(ctx, %s)\nif err != nil {\nlog.Fatal(err)\n}\n", goTime(until, b.Until))
	}
	var fields []string
	if start := startExpression(b); start != "" {
		fields = append(fields, "Start: new(uint64("+start+"))")
	}
	if b.Options.Backwards {
		fields = append(fields, "Backwards: true")
	}
	if b.asked != nil {
		fields = append(fields, fmt.Sprintf("Limit: new(uint32(%d))", *b.asked))
	}
	fmt.Fprintf(&out, "options := dcb.ReadOptions{%s}\nfor e, err := range store.Read(ctx, query, options).All() {\nif err != nil {\nlog.Fatal(err)\n}\n", strings.Join(fields, ", "))
	if condition := endCondition(b, "e.Position"); condition != "" {
		fmt.Fprintf(&out, "if %s {\nbreak\n}\n", condition)
	}
	out.WriteString("fmt.Printf(\"%d %s %q %s\\n\", e.Position, e.Event.Type, e.Event.Tags, e.Event.Data)\n}\n}\n")
	return formatGo(out.String())
}

func goItem(item dcb.QueryItem) (fields []string) {
	if len(item.Types) > 0 {
		fields = append(fields, "Types: "+goList(item.Types))
	}
	if len(item.Tags) > 0 {
		fields = append(fields, "Tags: "+goList(item.Tags))
	}
	return fields
}

// goTime returns an expression for a time that was written as text.
func goTime(text string, at time.Time) string {
	if d, err := selection.ParseDuration(text); err == nil {
		if d%time.Second == 0 {
			return fmt.Sprintf("time.Now().Add(-%d * time.Second)", d/time.Second)
		}
		return fmt.Sprintf("time.Now().Add(-%d * time.Nanosecond)", d)
	}
	at = at.UTC()
	return fmt.Sprintf("time.Date(%d, %d, %d, %d, %d, %d, %d, time.UTC)", at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond())
}

// eventGo returns an event as Go, without a package clause.
func eventGo(e dcb.Event) string {
	var out strings.Builder
	fmt.Fprintf(&out, "import \"github.com/umadb-go/umadb/dcb\"\n\nvar event = dcb.Event{\nType: %s,\n", strconv.Quote(e.Type))
	if len(e.Tags) > 0 {
		fmt.Fprintf(&out, "Tags: %s,\n", goList(e.Tags))
	}
	if len(e.Data) > 0 {
		fmt.Fprintf(&out, "Data: []byte(%s),\n", goString(string(e.Data)))
	}
	if e.UUID != "" {
		fmt.Fprintf(&out, "UUID: %s,\n", strconv.Quote(e.UUID))
	}
	if len(e.Metadata) > 0 {
		out.WriteString("Metadata: []dcb.Metadata{\n")
		for _, m := range e.Metadata {
			fmt.Fprintf(&out, "{Key: %s, Value: %s},\n", strconv.Quote(m.Key), strconv.Quote(m.Value))
		}
		out.WriteString("},\n")
	}
	out.WriteString("}\n")
	return formatGo(out.String())
}

func goList(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = strconv.Quote(text)
	}
	return "[]string{" + strings.Join(quoted, ", ") + "}"
}

// goString returns a string literal, a raw one if that is better to read and all of it is printed.
func goString(text string) string {
	if strings.Contains(text, `"`) && isPrintable(text) && strconv.CanBackquote(text) {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}

// formatGo formats Go. The text is its own if it cannot be parsed, which the tests exclude.
func formatGo(text string) string {
	out, err := format.Source([]byte(text))
	if err != nil {
		return text
	}
	return string(out)
}
