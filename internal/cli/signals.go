package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// signals are what a server is told by its operator.
type signals struct {
	stop   <-chan os.Signal // holds two, as the second one means more than the first
	reload <-chan os.Signal // holds one, as it does not matter how often files are to be read
}

// notify has the process's signals sent to the returned channels, until forget.
func notify() (s signals, forget func()) {
	stop, reload := make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	signal.Notify(reload, syscall.SIGHUP)
	return signals{stop, reload}, func() {
		signal.Stop(stop)
		signal.Stop(reload)
	}
}

// interruptions returns the signals that end a command: also that of a terminal that
// is closed, unless nohup has the process ignore it.
func interruptions() []os.Signal {
	end := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		end = append(end, syscall.SIGHUP)
	}
	return end
}

// untilSignal gives a context that a signal ends, and until stop has the output of
// the command end with it. A second signal ends the process.
func untilSignal(cmd *cobra.Command) (ctx context.Context, stop func()) {
	ctx, forget := signal.NotifyContext(cmd.Context(), interruptions()...)
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
