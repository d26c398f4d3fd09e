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

// flagAliases are names that other commands or programs use for a flag.
var flagAliases = map[string][]string{
	"from":    {"url"},
	"db-path": {"dir", "path", "directory"},
	"output":  {"file"},
}

// noArguments rejects arguments, and suggests what the user may have meant.
func noArguments(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasSubCommands():
		return unknownCommand(cmd, args[0])
	}
	return usageErrorf("%q does not take the argument %q%s; see %q",
		cmd.CommandPath(), args[0], didYouMean(suggestFlag(cmd, args[0])...), cmd.CommandPath()+" --help")
}

// unknownCommand returns the error for an argument of the program that is not a command.
func unknownCommand(root *cobra.Command, name string) error {
	if slices.ContainsFunc(root.Commands(), func(sub *cobra.Command) bool { return sub.Name() == name }) {
		return usageErrorf("the command %q must not follow --: write it without --, as in %q", name, root.CommandPath()+" "+name)
	}
	var similar []string
	if name != "" { // Cobra would suggest every command, as "" is a prefix of each
		similar = root.SuggestionsFor(name)
	}
	return usageErrorf("unknown command %q%s; see %q", name, didYouMean(similar...), root.CommandPath()+" --help")
}

// suggestFlag returns what a command takes instead of an argument.
func suggestFlag(cmd *cobra.Command, arg string) []string {
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

// flagError returns the error for invalid flags. If an argument is invalid too, it returns
// that error instead: the flags of a mistyped command are unknown.
func flagError(cmd *cobra.Command, err error) error {
	if args := cmd.Flags().Args(); len(args) > 0 { // those before the flag; others may follow
		if argErr := cmd.ValidateArgs(args); argErr != nil {
			return argErr
		}
	}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usageErrorf("%w; see %q", explainFlag(err), cmd.CommandPath()+" --help")
	}
	given, name := "--"+unknown.GetSpecifiedName(), unknown.GetSpecifiedName()
	if short := unknown.GetSpecifiedShortnames(); short != "" { // pflag parses -tag as -t -a -g
		given, name = "-"+short, short
	}
	return usageErrorf("unknown flag %q%s; see %q", given, didYouMean(similarFlags(cmd, name)...), cmd.CommandPath()+" --help")
}

// similarFlags returns the flags with a similar name or a matching alias. Cobra suggests
// only commands, so there is a temporary command for each flag.
func similarFlags(cmd *cobra.Command, name string) []string {
	root := cobra.Command{SuggestionsMinimumDistance: min(len(name)/2, cmd.Root().SuggestionsMinimumDistance)}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		root.AddCommand(&cobra.Command{Use: f.Name, SuggestFor: flagAliases[f.Name], Run: func(*cobra.Command, []string) {}})
	})
	similar := root.SuggestionsFor(name)
	for i := range similar {
		similar[i] = "--" + similar[i]
	}
	return similar
}

// didYouMean returns the suggestions for an error message, or "" if there are none.
func didYouMean(suggestions ...string) string {
	if len(suggestions) == 0 {
		return ""
	}
	return fmt.Sprintf(`, did you mean "%s"?`, strings.Join(suggestions, `" or "`))
}
