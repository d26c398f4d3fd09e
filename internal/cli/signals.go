package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// signals are the signals that a server handles.
type signals struct {
	stop   <-chan os.Signal // buffers two signals: the second one ends the server at once
	reload <-chan os.Signal // buffers one signal: several are the same as one
}

// notify sends the signals of the process to the returned channels, until stopNotify is
// called.
func notify() (s signals, stopNotify func()) {
	stop, reload := make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	signal.Notify(reload, syscall.SIGHUP)
	return signals{stop, reload}, func() {
		signal.Stop(stop)
		signal.Stop(reload)
	}
}

// interruptions returns the signals that end a command. SIGHUP, which a closed terminal
// sends, is one of them unless nohup made the process ignore it.
func interruptions() []os.Signal {
	end := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		end = append(end, syscall.SIGHUP)
	}
	return end
}

// untilSignal returns a context that a signal cancels. Until stop is called, writes to the
// output of the command stop waiting when the context is done. A second signal ends the
// process.
func untilSignal(cmd *cobra.Command) (ctx context.Context, stop func()) {
	ctx, stopNotify := signal.NotifyContext(cmd.Context(), interruptions()...)
	context.AfterFunc(ctx, stopNotify)
	out := cmd.OutOrStdout()
	if !isTerminal(out) { // Ctrl-C ends a blocked write to a terminal
		cmd.SetOut(&interruptibleWriter{ctx, out})
	}
	return ctx, func() {
		stopNotify()
		cmd.SetOut(out)
	}
}
