package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ignoredFlags tune the Rust server in ways that this one does not have. They
// are accepted, with any value, so that its command lines and containers work.
var ignoredFlags = []string{
	"read-method",
	"page-cache-max-pages",
	"page-cache-max-mb",
	"zero-fill-pages",
	"pipelined-writer",
	"max-blocking-threads",
}

func addIgnoredFlags(flags *pflag.FlagSet) {
	for _, name := range ignoredFlags {
		flags.String(name, "", "accepted for compatibility, has no effect")
	}
}

// noteIgnored says on one line which flags have no effect here.
func noteIgnored(cmd *cobra.Command) {
	var given []string
	for _, name := range ignoredFlags {
		if cmd.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) == 0 {
		return
	}
	verb := "has"
	if len(given) > 1 {
		verb = "have"
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "umadb: %s %s no effect in this server\n", strings.Join(given, ", "), verb)
}
