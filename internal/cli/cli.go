package cli

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/eventtable"
)

// Extensions are parts of the command line that need large libraries. Only the programs that
// pass them link these libraries.
type Extensions struct {
	Engines []Engine          // keep shared logs
	Parquet eventtable.Create // creates Parquet files; may be nil
}

// Main runs the command line with the given arguments, which do not include the name of
// the program, and returns the exit code of the process.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer, with Extensions) int {
	root := NewCommand(with)
	root.SetArgs(append([]string{}, args...)) // never nil: Cobra would use os.Args
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	signal.Ignore(syscall.SIGPIPE) // writing to a closed pipe returns EPIPE instead
	cmd, err := root.ExecuteContextC(context.Background())
	if err != nil && !isQuiet(err) {
		printError(stderr, cmd, err)
	}
	return exitCode(err)
}

// NewCommand returns the command tree, for example to generate documentation.
func NewCommand(with Extensions) *cobra.Command {
	root := newServeCommand(with.Engines)
	root.Use = "umadb"
	root.Short = "An event store with dynamic consistency boundaries"
	root.Long = `umadb serves an event store in a directory over gRPC, and manages its data.
Without a command, it does the same as "umadb serve".`
	root.Example = `  umadb --db-path ./uma.db
  umadb check --db-path ./uma.db`
	root.Args = noArguments
	root.Version = Version
	root.SetVersionTemplate("umadb {{.Version}}\n")
	root.Flags().BoolP("version", "V", false, "print the version and exit")
	root.SuggestionsMinimumDistance = 2
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.SetFlagErrorFunc(flagError)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Name() == cobra.ShellCompRequestCmd {
			unquoteUsages(root)
		}
		if err := applyEnvironment(cmd.Flags(), func(text string) { fmt.Fprintf(cmd.ErrOrStderr(), "umadb: %s\n", text) }); err != nil {
			return err
		}
		return applyConfig(cmd)
	}
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.AddCommand(
		newServeCommand(with.Engines),
		newAppendCommand(),
		newReadCommand(),
		newSubscribeCommand(),
		newCountCommand(),
		newHeadCommand(),
		newTrackingCommand(),
		newTypesCommand(),
		newTagsCommand(),
		newStatsCommand(),
		newHealthCommand(),
		newStatusCommand(),
		newTopCommand(),
		newRejectionsCommand(),
		newConsoleCommand(),
		newBenchCommand(),
		newCheckCommand(),
		newRepairCommand(),
		newExportCommand(with.Parquet),
		newImportCommand(),
		newKeyCommand(),
		newBackupCommand(),
		newRestoreCommand(),
		newPromoteCommand(),
		newClusterCommand(with.Engines),
		newCertCommand(),
		newVersionCommand(),
		newCompletionCommand(),
	)
	root.SetHelpCommand(newHelpCommand(root.Commands()))
	for _, cmd := range allCommands(root) {
		cmd.Flags().SortFlags = false
		cmd.Flags().BoolP("help", "h", false, "print this help and exit")
		nameVariables(cmd.Flags())
		completeValues(cmd)
	}
	return root
}

// allCommands returns a command and all commands below it.
func allCommands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		all = append(all, allCommands(sub)...)
	}
	return all
}

// newHelpCommand replaces Cobra's command, which exits with 0 even if the command does not
// exist.
func newHelpCommand(topics []*cobra.Command) *cobra.Command {
	help := &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Print the help of a command",
		Example: "  umadb help append",
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			found, rest, err := root.Find(args)
			switch {
			case err != nil:
				return err
			case len(args) > 1 && len(rest) > 0:
				return usageErrorf("%q takes one command, not %d", cmd.CommandPath(), len(args))
			case len(args) == 1 && found == root:
				return unknownCommand(root, args[0])
			}
			return found.Help()
		},
	}
	for _, cmd := range topics {
		help.ValidArgs = append(help.ValidArgs, cobra.CompletionWithDesc(cmd.Name(), cmd.Short))
	}
	return help
}
