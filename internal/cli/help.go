package cli

import "github.com/spf13/cobra"

// newHelpCommand makes the command in place of Cobra's, which ends with 0 even if
// there is no such command.
func newHelpCommand(about []*cobra.Command) *cobra.Command {
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
				return usageErrorf("%q is about one command, and there are %d", cmd.CommandPath(), len(args))
			case len(args) == 1 && found == root:
				return noCommand(root, args[0])
			}
			return found.Help()
		},
	}
	for _, cmd := range about {
		help.ValidArgs = append(help.ValidArgs, cobra.CompletionWithDesc(cmd.Name(), cmd.Short))
	}
	return help
}
