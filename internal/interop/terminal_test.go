package interop_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

// terminal runs a command, such as a server, until it is interrupted.
type terminal struct {
	name    string
	process *servertest.Process
}

// interrupt sends SIGINT to the command and checks that it exits without error.
func (o *terminal) interrupt(t *testing.T) {
	t.Helper()
	o.process.Signal(os.Interrupt) // fails if the command has ended, which Wait reports
	if code, err := o.process.Wait(30 * time.Second); err != nil || code != 0 {
		t.Errorf("the command in the terminal %q ended with exit code %d, %v:\n%s", o.name, code, err, o.process.Output)
	}
}

// waitForOutput waits until the output matches and reports whether it does.
func (o *terminal) waitForOutput(want string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return o.process.Output.Await(ctx, func(output string) bool { return matchesOutput(want, output) })
}
