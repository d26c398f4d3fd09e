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

// completionShells are the supported shells.
var completionShells = []string{"bash", "zsh", "fish", "powershell"}

// newCompletionCommand replaces Cobra's command, which has a subcommand for each shell.
func newCompletionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion " + strings.Join(completionShells, "|"),
		Short: "Print a shell completion script",
		Long: `completion prints a script that makes a shell complete the commands of umadb, their
flags, and the values of flags. To load it in the current session only:

  source <(umadb completion bash)
  source <(umadb completion zsh)
  umadb completion fish | source
  umadb completion powershell | Out-String | Invoke-Expression

To load it in every new session, write it to the file where the shell looks for it,
as in the examples. For PowerShell, add the line above to the file $PROFILE. bash
looks for such files only if the package bash-completion is installed; otherwise add
the line above to ~/.bashrc. zsh needs the line "autoload -U compinit; compinit" in
~/.zshrc.`,
		Example: `  umadb completion bash > ~/.local/share/bash-completion/completions/umadb
  umadb completion zsh > "${fpath[1]}/_umadb"
  umadb completion fish > ~/.config/fish/completions/umadb.fish`,
		DisableFlagsInUseLine: true,
		ValidArgs:             completionShells,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(completionShells, args[0]) {
				return usageErrorf("%q takes one argument: one of %s", cmd.CommandPath(), strings.Join(completionShells, ", "))
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
// needs. It redefines __umadb_init_completion, and defines __umadb_filedir.
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

// completeFiles completes file names.
var completeFiles = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)

// completeValues registers the completion of the values of a command's flags. It depends
// on the placeholder in the help of a flag: files, directories and choices are completed.
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

// unquoteUsages removes the quotes that mark the placeholder in the usage of each flag: a
// shell would show them.
func unquoteUsages(root *cobra.Command) {
	for _, cmd := range allCommands(root) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { _, f.Usage = pflag.UnquoteUsage(f) })
	}
}
