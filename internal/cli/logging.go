package cli

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
)

// newLogger makes the log of a server. The level is one of logLevels.
func newLogger(w io.Writer, format, level string) *slog.Logger {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		panic(err) // the flag takes no other
	}
	options := &slog.HandlerOptions{Level: least}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// tell says why a command has failed, in the form of its log if it has one.
func tell(stderr io.Writer, cmd *cobra.Command, err error) {
	why := harmless(err.Error())
	if format := cmd.Flags().Lookup("log-format"); format != nil && format.Value.String() == "json" {
		newLogger(stderr, "json", "error").Error("umadb has failed", "reason", why, "exit_code", exitCode(err))
		return
	}
	fmt.Fprintf(stderr, "umadb: %s\n", why)
}

var (
	logFormats = []string{"text", "json"}
	logLevels  = []string{"debug", "info", "warn", "error"}
)
