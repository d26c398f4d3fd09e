package cli

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Main runs the command line whose arguments, without the program's name, are
// args, and returns the exit code for the process.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := NewCommand()
	root.SetArgs(append([]string{}, args...)) // never nil, which would mean os.Args
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	signal.Ignore(syscall.SIGPIPE) // a closed pipe is an error of the write
	err := root.ExecuteContext(context.Background())
	if err != nil && !isQuiet(err) {
		fmt.Fprintf(stderr, "umadb: %s\n", harmless(err.Error()))
	}
	return exitCode(err)
}

// NewCommand makes the command tree, for those who generate documents from it.
func NewCommand() *cobra.Command {
	root := newServeCommand()
	root.Use = "umadb"
	root.Short = "An event store with dynamic consistency boundaries"
	root.Long = `umadb serves an event store over gRPC from one directory, and looks after it.
Without a command it serves, exactly as "umadb serve" does.`
	root.Example = `  umadb --db-path ./uma.db
  umadb check --db-path ./uma.db`
	root.Args = noArguments
	root.Version = Version
	root.SetVersionTemplate("umadb {{.Version}}\n")
	root.Flags().BoolP("version", "V", false, "print the version and exit")
	root.SuggestionsMinimumDistance = 2
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageErrorf("%w; see %q", explainFlag(err), cmd.CommandPath()+" --help")
	})
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		return applyEnvironment(cmd.Flags())
	}
	root.AddCommand(
		newServeCommand(),
		newAppendCommand(),
		newReadCommand(),
		newSubscribeCommand(),
		newHeadCommand(),
		newTrackingCommand(),
		newStatsCommand(),
		newCheckCommand(),
		newExportCommand(),
		newImportCommand(),
		newVersionCommand(),
	)
	for _, cmd := range append(root.Commands(), root) {
		cmd.Flags().SortFlags = false
		cmd.Flags().BoolP("help", "h", false, "print this help and exit")
		nameVariables(cmd.Flags())
	}
	return root
}

// noArguments refuses arguments, and guesses which command was meant.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return usageErrorf("%q takes no argument such as %q; see %q", cmd.CommandPath(), args[0], cmd.CommandPath()+" --help")
	}
	if slices.ContainsFunc(cmd.Commands(), func(sub *cobra.Command) bool { return sub.Name() == args[0] }) {
		return usageErrorf("the command %q stands behind --, where no command can: write it without --, as in %q", args[0], cmd.CommandPath()+" "+args[0])
	}
	guess := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		guess = fmt.Sprintf(", did you mean %q?", strings.Join(near, `" or "`))
	}
	return usageErrorf("there is no command %q%s; see %q", args[0], guess, cmd.CommandPath()+" --help")
}
