package cli_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/cli"
)

// TestDocumentsHaveManPages compares docs/man with the commands.
func TestDocumentsHaveManPages(t *testing.T) {
	pages := map[string]string{}
	for _, cmd := range commands() {
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
		pages[name+".1"] = manPage(t, cmd)
	}
	wantFiles(t, "docs/man", pages)
}

// manPage returns the manual page of a command. Cobra generates it, except the options, the
// exit codes, and the title, which has no date because that would change every day.
func manPage(t *testing.T, cmd *cobra.Command) string {
	t.Helper()
	var out bytes.Buffer
	title := strings.ToUpper(strings.ReplaceAll(cmd.CommandPath(), " ", "-"))
	header := &doc.GenManHeader{Title: title, Section: "1", Source: "umadb " + cli.Version, Manual: "umadb"}
	if err := doc.GenMan(cmd, header, &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(out.String(), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".TH ") {
			lines[i] = fmt.Sprintf(".TH %q \"1\" \"\" %q %q\n", title, header.Source, header.Manual)
		}
	}
	before, after, _ := strings.Cut(strings.Join(lines, ""), ".SH OPTIONS\n")
	if i := strings.Index(after, ".SH "); i >= 0 {
		after = after[i:] // the sections after the options
	} else {
		after = ""
	}
	return before + manOptions(cmd) + manExitCodes(cmd) + after
}

func manOptions(cmd *cobra.Command) string {
	section := ".SH OPTIONS\n"
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		takes, _ := pflag.UnquoteUsage(f)
		s := newSetting(f)
		name := `\fB` + roff("--"+f.Name) + `\fP`
		if f.Shorthand != "" {
			name = `\fB` + roff("-"+f.Shorthand) + `\fP, ` + name
		}
		if takes != "" {
			name += ` \fI` + roff(takes) + `\fP`
		}
		text := strings.NewReplacer(`\|`, "|", `\<`, "<", `\*`, "*").Replace(s.usage)
		if s.value != "" {
			text += "; by default " + strings.Trim(s.value, "`")
		}
		if s.variable != "" {
			text += " (" + strings.Trim(s.variable, "`") + ")"
		}
		section += fmt.Sprintf(".TP\n%s\n%s\n", name, roff(text))
	})
	return section + "\n"
}

func manExitCodes(cmd *cobra.Command) string {
	section := ".SH EXIT STATUS\n"
	eachExitCode(cmd, func(code int, meaning string) {
		section += fmt.Sprintf(".TP\n%d\n%s\n", code, roff(strings.ReplaceAll(meaning, "`", "")))
	})
	return section + "\n"
}

// roff escapes text for roff.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
