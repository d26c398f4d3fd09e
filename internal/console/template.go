package console

import (
	"embed"
	"fmt"
	"html/template"
	"net/url"
	"path"
	"strings"
	"time"
)

//go:embed templates
var templateFiles embed.FS

// templates are the templates by name, each with layout.html and parts.html.
var templates = parseTemplates()

func parseTemplates() map[string]*template.Template {
	parsed := map[string]*template.Template{}
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), ".html")
		parsed[name] = template.Must(template.New(file.Name()).Funcs(functions).
			ParseFS(templateFiles, "templates/layout.html", "templates/parts*.html", path.Join("templates", file.Name())))
	}
	return parsed
}

// functions are those of the templates.
var functions = template.FuncMap{
	"link":   link,
	"number": number,
	"bytes":  formatBytes,
	"time":   formatTime,
	"ago":    ago,
}

// link returns a path with parameters: names and values in turn. Values that are empty are omitted.
func link(path string, parameters ...any) string {
	values := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		if text := fmt.Sprint(parameters[i+1]); text != "" {
			values.Add(fmt.Sprint(parameters[i]), text)
		}
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// number formats a number with thin spaces between groups of three digits.
func number(n any) string {
	digits := fmt.Sprint(n)
	var out strings.Builder
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteRune('\u202f')
		}
		out.WriteRune(digit)
	}
	return out.String()
}

// formatBytes formats a number of bytes of the type int or uint64.
func formatBytes(n any) string {
	switch n := n.(type) {
	case int:
		return byteSize(uint64(n))
	case uint64:
		return byteSize(n)
	}
	return fmt.Sprint(n)
}

// byteSize formats a number of bytes.
func byteSize(n uint64) string {
	size, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if size < 1024 {
			break
		}
		size, unit = size/1024, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", size, unit)
}

// formatTime formats a time in UTC, to the millisecond. It is empty for the zero time.
func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05.000Z")
}

// ago formats how long before now a time is, roughly.
func ago(t time.Time) string {
	d := time.Since(t)
	switch {
	case t.IsZero():
		return ""
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}
