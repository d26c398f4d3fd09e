package cli

import "github.com/spf13/cobra"

// newHelpCommand replaces Cobra's command, which exits with 0 even if the command does not
// exist.
func newHelpCommand(topics []*cobra.Command) *cobra.Command {
	help := &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Print the help of a command",
		Example: "  umadb help append",
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			found, _, err := root.Find(args)
			switch {
			case err != nil:
				return err
			case len(args) > 1:
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
