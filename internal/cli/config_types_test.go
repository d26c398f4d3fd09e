package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Flags of every type of pflag can be set in a file, printed, and read again.
func TestConfigOfEveryType(t *testing.T) {
	newCommand := func() *cobra.Command {
		cmd := &cobra.Command{Use: "x"}
		f := cmd.Flags()
		f.SortFlags = false
		new(configFlags).addFlags(f)
		f.Bool("a-bool", false, "")
		f.Int("an-int", 1, "")
		f.Uint64("a-uint", 1, "")
		f.Float64("a-float", 1, "")
		f.Duration("a-duration", 0, "")
		f.StringSlice("a-slice", []string{"default"}, "")
		f.StringArray("an-array", nil, "")
		f.IntSlice("ints", nil, "")
		return cmd
	}
	apply := func(cmd *cobra.Command, text string) error {
		file := filepath.Join(t.TempDir(), "umadb.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Flags().Set("config", file); err != nil {
			t.Fatal(err)
		}
		return applyConfig(cmd)
	}
	printed := func(cmd *cobra.Command) (settings string) {
		var b strings.Builder
		if err := printConfig(&b, cmd.Flags()); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			setting, _, _ := strings.Cut(line, " # ")
			settings += setting + "\n"
		}
		return settings
	}
	first := newCommand()
	if err := apply(first, `
a-bool = true
an-int = -16
a-uint = 18
a-float = 2
a-duration = "1m30s"
a-slice = ["x", "y,z"]
an-array = ["x, y"]
ints = [1, 2]
`); err != nil {
		t.Fatal(err)
	}
	want := `a-bool = true
an-int = -16
a-uint = 18
a-float = 2.0
a-duration = '1m30s'
a-slice = ['x', 'y,z']
an-array = ['x, y']
ints = [1, 2]
`
	got := printed(first)
	if got != want {
		t.Errorf("printed:\n%s\nwant:\n%s", got, want)
	}
	second := newCommand()
	if err := apply(second, got); err != nil {
		t.Fatal(err)
	}
	if again := printed(second); again != got {
		t.Errorf("printed:\n%s\nthen:\n%s", got, again)
	}
	for text, want := range map[string]string{
		"a-bool = 'true'":     "true or false",
		"a-float = '1'":       "must be a number",
		"a-duration = 5":      "text in quotes",
		"a-duration = 'soon'": "duration",
		"a-slice = 'x'":       "must be a list",
		"a-slice = [1, 'x']":  "text in quotes",
		"ints = ['x']":        "ints",
		"a-uint = -1":         "whole number, 0 or more",
	} {
		if err := apply(newCommand(), text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want one about %q", text, err, want)
		}
	}
}
