package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// notify gives the signals that ask the program to stop. There is room for two,
// for the second one means more than the first.
func notify() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	return c, func() { signal.Stop(c) }
}
