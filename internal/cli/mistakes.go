package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// otherwise are the names that a flag goes by in other commands or other programs.
var otherwise = map[string][]string{
	"from":    {"url"},
	"db-path": {"dir", "path", "directory"},
	"output":  {"file"},
}

// noArguments refuses arguments, and guesses what was meant.
func noArguments(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasSubCommands():
		return noCommand(cmd, args[0])
	}
	return usageErrorf("%q takes no argument such as %q%s; see %q",
		cmd.CommandPath(), args[0], didYouMean(instead(cmd, args[0])...), cmd.CommandPath()+" --help")
}

// noCommand is why an argument of the program itself is wrong.
func noCommand(root *cobra.Command, name string) error {
	if slices.ContainsFunc(root.Commands(), func(sub *cobra.Command) bool { return sub.Name() == name }) {
		return usageErrorf("the command %q stands behind --, where no command can: write it without --, as in %q", name, root.CommandPath()+" "+name)
	}
	var near []string
	if name != "" { // which Cobra takes for the beginning of each
		near = root.SuggestionsFor(name)
	}
	return usageErrorf("there is no command %q%s; see %q", name, didYouMean(near...), root.CommandPath()+" --help")
}

// instead gives what a command takes in place of an argument.
func instead(cmd *cobra.Command, arg string) []string {
	has := func(flag string) bool { return cmd.Flags().Lookup(flag) != nil }
	info, err := os.Stat(arg)
	isDir := err == nil && info.IsDir()
	switch {
	case has("url") && strings.Contains(arg, "://"):
		return []string{"--url " + arg}
	case has("db-path") && isDir:
		return []string{"--db-path " + arg}
	case has("output"):
		return []string{"--output " + arg}
	case has("data-file"):
		return []string{cmd.CommandPath() + " < " + arg}
	case has("tag"):
		return []string{"--tag " + arg}
	case has("db-path"):
		return []string{"--db-path " + arg}
	}
	return nil
}

// wrongFlag explains an error of the flags, unless an argument is wrong too: that
// is then the mistake, as with a mistyped command, whose flags nobody knows.
func wrongFlag(cmd *cobra.Command, err error) error {
	if wrong := cmd.ValidateArgs(cmd.Flags().Args()); wrong != nil {
		return wrong
	}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usageErrorf("%w; see %q", explainFlag(err), cmd.CommandPath()+" --help")
	}
	given, name := "--"+unknown.GetSpecifiedName(), unknown.GetSpecifiedName()
	if short := unknown.GetSpecifiedShortnames(); short != "" { // -tag is read as -t -a -g
		given, name = "-"+short, short
	}
	return usageErrorf("there is no flag %q%s; see %q", given, didYouMean(nearFlags(cmd, name)...), cmd.CommandPath()+" --help")
}

// nearFlags gives the flags that a name may stand for. Cobra guesses names of
// commands, so it is asked about commands with the names of the flags.
func nearFlags(cmd *cobra.Command, name string) []string {
	guess := cobra.Command{SuggestionsMinimumDistance: min(len(name)/2, cmd.Root().SuggestionsMinimumDistance)}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		guess.AddCommand(&cobra.Command{Use: f.Name, SuggestFor: otherwise[f.Name], Run: func(*cobra.Command, []string) {}})
	})
	near := guess.SuggestionsFor(name)
	for i := range near {
		near[i] = "--" + near[i]
	}
	return near
}

// didYouMean goes into an error, and is empty without a guess.
func didYouMean(guesses ...string) string {
	if len(guesses) == 0 {
		return ""
	}
	return fmt.Sprintf(`, did you mean "%s"?`, strings.Join(guesses, `" or "`))
}
