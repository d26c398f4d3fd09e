package cli

import (
	"log/slog"

	"github.com/spf13/pflag"
)

// ignoredFlags are flags that tune the Rust server and have no equivalent here. They are
// accepted, with any value, so that its command lines and containers keep working.
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

// warnIgnored logs which of the given flags have no effect.
func warnIgnored(flags *pflag.FlagSet, logger *slog.Logger) {
	var given []string
	for _, name := range ignoredFlags {
		if flags.Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) > 0 {
		logger.Warn("some flags have no effect in this server", "flags", given)
	}
}
