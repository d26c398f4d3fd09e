package cli

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var (
	logFormats = []string{"text", "json"}
	logLevels  = []string{"debug", "info", "warn", "error"}
)

// logFlags describe the log of a server.
type logFlags struct {
	format choice
	level  choice
	file   string // whose first line is the level; may be empty
	least  slog.LevelVar
}

func (l *logFlags) addFlags(flags *pflag.FlagSet) {
	l.format = choice{value: "text", values: logFormats}
	l.level = choice{value: "info", values: logLevels}
	flags.Var(&l.format, "log-format", "form of the log on standard error")
	flags.Var(&l.level, "log-level", "least level to log")
	flags.StringVar(&l.file, "log-level-file", "", "`file` whose first line is the least level to log, read again on SIGHUP")
	excludes(flags, "log-level", "log-level-file")
}

// load sets the level from the flags, or from the file as it is now.
func (l *logFlags) load(flags *pflag.FlagSet) error {
	if flags.Changed("log-level-file") {
		if flags.Changed("log-level") {
			return usageErrorf("--log-level and --log-level-file (or their variables) are both given: give one of them")
		}
		level, err := firstLine(l.file, "log level", "--log-level-file")
		if err != nil {
			return err
		}
		if err := l.level.Set(level); err != nil {
			return usageErrorf("the log level in the file %s cannot be %q: %w", l.file, level, err)
		}
	}
	return l.least.UnmarshalText([]byte(l.level.value))
}

// logger returns the log. Each load changes its level.
func (l *logFlags) logger(w io.Writer) *slog.Logger { return newLogger(w, l.format.value, &l.least) }

func newLogger(w io.Writer, format string, least slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: least}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// tell says why a command has failed, in the form of its log if it has one.
func tell(stderr io.Writer, cmd *cobra.Command, err error) {
	why := Harmless(err.Error())
	if format := cmd.Flags().Lookup("log-format"); format != nil && format.Value.String() == "json" {
		newLogger(stderr, "json", slog.LevelError).Error("umadb has failed", "reason", why, "exit_code", exitCode(err))
		return
	}
	fmt.Fprintf(stderr, "umadb: %s\n", why)
}
