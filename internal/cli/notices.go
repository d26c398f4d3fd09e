package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

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
