package cli

import (
	"context"
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

// logFlags are the flags of the log of a server.
type logFlags struct {
	format choice
	level  choice
	file   string // its first line is the level; may be empty
	min    slog.LevelVar
}

func (l *logFlags) addFlags(flags *pflag.FlagSet) {
	l.format = choice{value: "text", values: logFormats}
	l.level = choice{value: "info", values: logLevels}
	flags.Var(&l.format, "log-format", "format of the log on standard error")
	flags.Var(&l.level, "log-level", "minimum level to log")
	flags.StringVar(&l.file, "log-level-file", "", "`file` whose first line is the minimum level to log; it may be changed while the server runs")
	excludes(flags, "log-level", "log-level-file")
}

// load sets the level from the flags, or from the current content of the file.
func (l *logFlags) load(flags *pflag.FlagSet) error {
	if flags.Changed("log-level-file") {
		if flags.Changed("log-level") {
			return usageErrorf("--log-level and --log-level-file (or their environment variables) are both given: use only one")
		}
		level, err := firstLine(l.file, "log level", "--log-level-file")
		if err != nil {
			return err
		}
		if err := l.level.Set(level); err != nil {
			return usageErrorf("the first line of the file %s is not a log level: %w", l.file, err)
		}
	}
	return l.min.UnmarshalText([]byte(l.level.value))
}

// logger returns a logger. Each load changes its level.
func (l *logFlags) logger(w io.Writer) *slog.Logger { return newLogger(w, l.format.value, &l.min) }

func newLogger(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// printError prints the error of a command, in the format of its log if it has one.
func printError(stderr io.Writer, cmd *cobra.Command, err error) {
	reason := EscapeControl(err.Error())
	if format := cmd.Flags().Lookup("log-format"); format != nil && format.Value.String() == "json" {
		newLogger(stderr, "json", slog.LevelError).Error("umadb failed", "reason", reason, "exit_code", exitCode(err))
		return
	}
	fmt.Fprintf(stderr, "umadb: %s\n", reason)
}

// notices is the log handler of a store that a command opens. It prints warnings and errors
// in the form of the command's own errors, one per line.
type notices struct{ w io.Writer }

func newNotices(w io.Writer) *slog.Logger { return slog.New(notices{w}) }

// Enabled reports whether level is a warning or an error.
func (notices) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle prints the message and the values of its attributes, without their names.
func (n notices) Handle(_ context.Context, record slog.Record) error {
	line := record.Message
	record.Attrs(func(attr slog.Attr) bool {
		line += ": " + attr.Value.String()
		return true
	})
	_, err := fmt.Fprintf(n.w, "umadb: %s\n", EscapeControl(line))
	return err
}

// WithAttrs does nothing: a store adds no attributes to its logger.
func (n notices) WithAttrs([]slog.Attr) slog.Handler { return n }

// WithGroup does nothing: a store uses no groups.
func (n notices) WithGroup(string) slog.Handler { return n }
