package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

// notices is the log of a store that a command opens for a person: what deserves a
// look, each in a line like that of an error.
type notices struct{ w io.Writer }

func newNotices(w io.Writer) *slog.Logger { return slog.New(notices{w}) }

// Enabled is for warnings and errors.
func (notices) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle writes the message and what it is about, without the names of that.
func (n notices) Handle(_ context.Context, record slog.Record) error {
	line := record.Message
	record.Attrs(func(about slog.Attr) bool {
		line += ": " + about.Value.String()
		return true
	})
	_, err := fmt.Fprintf(n.w, "umadb: %s\n", Harmless(line))
	return err
}

// WithAttrs does nothing: a store adds none to its logger.
func (n notices) WithAttrs([]slog.Attr) slog.Handler { return n }

// WithGroup does nothing: a store makes none.
func (n notices) WithGroup(string) slog.Handler { return n }
