package interop_test

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// peakOfChild runs a command and prints its peak memory in KiB. The test cannot ask for that: the
// kernel counts the memory of the process that starts a command as memory of the command, and this
// one may have used much.
const peakOfChild = `
import resource, subprocess, sys
ended = subprocess.run(sys.argv[1:], stdout=sys.stderr)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(ended.returncode)
`

// runWithin runs a command that may use so much memory. python3 is a small program.
func runWithin(t *testing.T, bytes int64, python3 string, command ...string) {
	t.Helper()
	var messages strings.Builder
	run := exec.Command(python3, append([]string{"-c", peakOfChild}, command...)...)
	run.Stderr = &messages
	output, err := run.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, messages.String())
	}
	kib, err := strconv.ParseInt(strings.TrimSpace(string(output)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if used := kib << 10; used > bytes {
		t.Errorf("%v used %d MiB of memory, over %d", command, used>>20, bytes>>20)
	}
}
