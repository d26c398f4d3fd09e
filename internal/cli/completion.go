package cli

import (
	_ "embed" // for completion.bash
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// completionShells are those that a script can be written for.
var completionShells = []string{"bash", "zsh", "fish", "powershell"}

// newCompletionCommand makes the command in place of Cobra's, which has one more
// for each shell.
func newCompletionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion " + strings.Join(completionShells, "|"),
		Short: "Print a script that lets a shell complete commands and flags",
		Long: `completion prints a script for a shell, which then completes the commands of
umadb, their flags and the values of these. In this terminal only:

  source <(umadb completion bash)
  source <(umadb completion zsh)
  umadb completion fish | source
  umadb completion powershell | Out-String | Invoke-Expression

For every terminal that is opened from now on, write it where the shell looks, as
in the examples; for PowerShell, add the line above to the file that $PROFILE
names. Only with the package bash-completion does bash look there; without it, add
the line above to ~/.bashrc. zsh needs the line "autoload -U compinit; compinit" in
~/.zshrc.`,
		Example: `  umadb completion bash > ~/.local/share/bash-completion/completions/umadb
  umadb completion zsh > "${fpath[1]}/_umadb"
  umadb completion fish > ~/.config/fish/completions/umadb.fish`,
		DisableFlagsInUseLine: true,
		ValidArgs:             completionShells,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(completionShells, args[0]) {
				return usageErrorf("%q takes one argument, which must be one of %s", cmd.CommandPath(), strings.Join(completionShells, ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeCompletion(cmd.Root(), args[0], cmd.OutOrStdout())
		},
	}
}

func writeCompletion(root *cobra.Command, shell string, w io.Writer) error {
	switch shell {
	case "bash":
		return writeBashCompletion(root, w)
	case "zsh":
		return root.GenZshCompletion(w)
	case "fish":
		return root.GenFishCompletion(w, true)
	}
	return root.GenPowerShellCompletionWithDesc(w)
}

// bashFallback replaces the functions of the package bash-completion that Cobra's script
// needs. It defines __umadb_init_completion again, and __umadb_filedir.
//
//go:embed completion.bash
var bashFallback string

// writeBashCompletion writes a script that also works without the package
// bash-completion.
func writeBashCompletion(root *cobra.Command, w io.Writer) error {
	var script strings.Builder
	if err := root.GenBashCompletionV2(&script, true); err != nil {
		return err
	}
	_, err := io.WriteString(w, strings.ReplaceAll(script.String(), "_filedir", "__umadb_filedir")+bashFallback)
	return err
}

// completeFiles has the shell complete the names of files.
var completeFiles = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)

// completeValues says what a shell offers as values of a command's flags: it goes
// by what their help calls them. Other values are for people to know.
func completeValues(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		complete := cobra.NoFileCompletions
		if c, ok := f.Value.(*choice); ok {
			complete = cobra.FixedCompletions(c.values, cobra.ShellCompDirectiveNoFileComp)
		}
		switch takes, _ := pflag.UnquoteUsage(f); takes {
		case "file":
			complete = completeFiles
		case "directory":
			complete = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
		}
		if err := cmd.RegisterFlagCompletionFunc(f.Name, complete); err != nil {
			panic(fmt.Errorf("the flags of %s: %w", cmd.CommandPath(), err))
		}
	})
}

// describePlainly takes the quotes out of what a shell shows of the flags: they
// mark there, for the help, what a flag takes.
func describePlainly(root *cobra.Command) {
	for _, cmd := range append(root.Commands(), root) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { _, f.Usage = pflag.UnquoteUsage(f) })
	}
}
