package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// signals are the signals that a server reacts to.
type signals struct {
	stop   <-chan os.Signal // has room for two: the second ends the server at once
	reload <-chan os.Signal // has room for one: several are the same as one
}

// notify sends the signals of the process to the returned channels, until forget is
// called.
func notify() (s signals, forget func()) {
	stop, reload := make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	signal.Notify(reload, syscall.SIGHUP)
	return signals{stop, reload}, func() {
		signal.Stop(stop)
		signal.Stop(reload)
	}
}

// interruptions returns the signals that end a command. SIGHUP, which the closing of a
// terminal sends, is one of them unless nohup made the process ignore it.
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
