package cli_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/cli"
)

var update = flag.Bool("update", false, "write the table of flags into README.md")

// TestReadmeHasEveryFlag compares the table in README.md with the flags.
func TestReadmeHasEveryFlag(t *testing.T) {
	const file = "../../README.md"
	readme, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin := bytes.Index(readme, []byte("<!-- flags:"))
	end := bytes.Index(readme, []byte("<!-- end of flags -->"))
	if begin < 0 || end < begin {
		t.Fatal("README.md has no place for the table of flags")
	}
	begin += bytes.IndexByte(readme[begin:], '\n') + 1
	want := flagTable(cli.NewCommand())
	if got := string(readme[begin:end]); got != want && !*update {
		t.Errorf("README.md has this table of flags:\n%s\nthe program has:\n%s\nwrite it with: go test ./internal/cli -run TestReadme -update", got, want)
	} else if got != want {
		written := string(readme[:begin]) + want + string(readme[end:])
		if err := os.WriteFile(file, []byte(written), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// flagTable writes the flags of a command as a table.
func flagTable(cmd *cobra.Command) string {
	table := "| flag | variable | default | |\n|---|---|---|---|\n"
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name, usage := pflag.UnquoteUsage(f)
		if name != "" {
			name = " " + strings.ReplaceAll(name, "|", `\|`)
		}
		usage, variable, found := strings.Cut(usage, " [env: ")
		if found {
			variable = "`" + strings.TrimSuffix(variable, "]") + "`"
		}
		value := f.DefValue
		if value != "" && value != "false" {
			value = "`" + value + "`"
		} else {
			value = ""
		}
		shorthand := ""
		if f.Shorthand != "" {
			shorthand = "`-" + f.Shorthand + "`, "
		}
		table += fmt.Sprintf("| %s`--%s%s` | %s | %s | %s |\n", shorthand, f.Name, name, variable, value, usage)
	})
	return table
}

func TestServeHasTheFlagsOfTheProgramItself(t *testing.T) {
	root := cli.NewCommand()
	serve, _, err := root.Find([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	root.Flags().VisitAll(func(f *pflag.Flag) {
		other := serve.Flags().Lookup(f.Name)
		if f.Name != "version" && (other == nil || other.Usage != f.Usage || other.DefValue != f.DefValue) {
			t.Errorf("serve has not the same flag --%s", f.Name)
		}
	})
}
