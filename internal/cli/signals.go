package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// notify gives the signals that ask the program to stop. There is room for two,
// for the second one means more than the first.
func notify() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	return c, func() { signal.Stop(c) }
}

// untilSignal gives a context that a signal ends, and until stop has the output of
// the command end with it. A second signal ends the process.
func untilSignal(cmd *cobra.Command) (ctx context.Context, stop func()) {
	ctx, forget := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, forget)
	out := cmd.OutOrStdout()
	if !isTerminal(out) { // which Ctrl-C lets write
		cmd.SetOut(&interruptibleWriter{ctx, out})
	}
	return ctx, func() {
		forget()
		cmd.SetOut(out)
	}
}
