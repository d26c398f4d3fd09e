package cli_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/cli"
)

// TestDocumentsHaveEveryCommand compares the pages of docs/cli, one a command,
// with the commands.
func TestDocumentsHaveEveryCommand(t *testing.T) {
	pages := map[string]string{}
	for _, cmd := range commands() {
		pages[pageName(cmd)+".md"] = page(cmd)
	}
	wantFiles(t, "docs/cli", pages)
}

// TestDocumentsHaveEverySetting compares the tables of docs/settings.md with the
// flags of all commands.
func TestDocumentsHaveEverySetting(t *testing.T) {
	settings := allSettings()
	wantSection(t, "docs/settings.md", "variables", variableTable(settings))
	wantSection(t, "docs/settings.md", "flags", settingTable(settings))
}

// commands gives the program itself and then each command.
func commands() []*cobra.Command {
	root := cli.NewCommand()
	all := append([]*cobra.Command{root}, root.Commands()...)
	for _, cmd := range all {
		cmd.DisableAutoGenTag = true
	}
	return all
}

// pageName is the file of a command without its extension.
func pageName(cmd *cobra.Command) string { return cmd.Name() }

// page writes a command as a page of Markdown.
func page(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- written by `make docs`, from internal/cli -->\n\n# %s\n\n%s.\n\n", cmd.CommandPath(), strings.TrimSuffix(cmd.Short, "."))
	fmt.Fprintf(&b, "```text\n%s\n```\n\n", cmd.UseLine())
	if cmd.Long != "" {
		b.WriteString(markdown(cmd.Long) + "\n\n")
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "## Examples\n\n```sh\n%s\n```\n\n", outdent(cmd.Example))
	}
	if list := commandTable(cmd); list != "" {
		fmt.Fprintf(&b, "## Commands\n\n%s\n", list)
	}
	fmt.Fprintf(&b, "## Flags\n\nA flag beats its variable. All of them are in [settings](../settings.md).\n\n%s\n", flagTable(cmd))
	fmt.Fprintf(&b, "## Exit codes\n\n%s", exitCodeTable(cmd))
	return b.String()
}

// commandTable lists the commands within a command.
func commandTable(cmd *cobra.Command) string {
	var b strings.Builder
	for _, within := range cmd.Commands() {
		fmt.Fprintf(&b, "- [%s](%s.md): %s\n", within.Name(), pageName(within), within.Short)
	}
	return b.String()
}

// markdown keeps the text of a command from being taken for markup, and what is
// indented in it as it is.
func markdown(text string) string {
	var b strings.Builder
	indented := false
	for line := range strings.Lines(strings.TrimSpace(text) + "\n") {
		now := strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "\t")
		if now && !indented {
			b.WriteString("```text\n")
		} else if indented && !now {
			b.WriteString("```\n")
		}
		indented = now
		if !now {
			line = strings.NewReplacer("<", `\<`, "*", `\*`, "_", `\_`).Replace(line)
		}
		b.WriteString(line)
	}
	if indented {
		b.WriteString("```\n")
	}
	return strings.TrimSpace(b.String())
}

// outdent takes away the two blanks that examples begin with.
func outdent(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}

// eachExitCode calls a function for the codes that a command can end with; for
// all codes if there is no command.
func eachExitCode(cmd *cobra.Command, do func(code int, meaning string)) {
	has := func(names ...string) bool {
		return cmd == nil || slices.ContainsFunc(names, func(name string) bool { return cmd.Flags().Lookup(name) != nil })
	}
	ends := map[int]bool{
		3: has("fail-if", "from"), 4: has("url", "from"), 5: has("url", "from"), 6: has("url", "db-path"),
		141: cmd == nil || cmd.HasParent() && cmd.Name() != "serve",
	}
	cli.EachExitCode(func(code int, meaning string) {
		if can, listed := ends[code]; can || !listed {
			do(code, meaning)
		}
	})
}

func exitCodeTable(cmd *cobra.Command) string {
	table := "| code | meaning |\n|---|---|\n"
	eachExitCode(cmd, func(code int, meaning string) {
		table += fmt.Sprintf("| %d | %s |\n", code, meaning)
	})
	return table
}

// wantFiles compares the files of a folder of the repository.
func wantFiles(t *testing.T, folder string, want map[string]string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Join("../..", folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		wantFile(t, filepath.Join(folder, name), want[name])
	}
	there, err := os.ReadDir(filepath.Join("../..", folder))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range there {
		if _, known := want[entry.Name()]; !known {
			t.Errorf("%s/%s belongs to no command", folder, entry.Name())
		}
	}
}

// wantFile compares a file of the repository, or writes it.
func wantFile(t *testing.T, name, want string) {
	t.Helper()
	file := filepath.Join("../..", name)
	got, err := os.ReadFile(file)
	switch {
	case err == nil && string(got) == want:
	case *update:
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	case err != nil:
		t.Errorf("%v; write it with: make docs", err)
	default:
		t.Errorf("%s is not what the program says now; write it with: make docs", name)
	}
}

// wantSection compares the part of a document between two comments, or writes it.
func wantSection(t *testing.T, name, section, want string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	document := string(content)
	begin, end := strings.Index(document, "<!-- "+section+":"), strings.Index(document, "<!-- end of "+section+" -->")
	if begin < 0 || end < begin {
		t.Fatalf("%s has no place for %s", name, section)
	}
	begin += strings.IndexByte(document[begin:], '\n') + 1
	wantFile(t, name, document[:begin]+want+document[end:])
}

// flagTable writes the flags of a command as a table.
func flagTable(cmd *cobra.Command) string {
	table := "| flag | variable | default | |\n|---|---|---|---|\n"
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		s := newSetting(f)
		table += fmt.Sprintf("| %s | %s | %s | %s |\n", s.flag, s.variable, s.value, s.usage)
	})
	return table
}
