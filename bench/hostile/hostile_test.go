package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// TestMain runs the attackers' process, which is another process of this program.
func TestMain(m *testing.M) {
	if runAttackers() {
		return
	}
	os.Exit(m.Run())
}

// TestServerWithstandsAttacks runs the short form, which finds failed appends,
// unbounded memory and a server that does not stop. The full form is "make hostile".
func TestServerWithstandsAttacks(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the harness reads /proc")
	}
	program := filepath.Join(t.TempDir(), "umadb")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/umadb")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	r, remove, err := newRunner(shortForm, program, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	for i := range attacks {
		if !attacks[i].short {
			continue
		}
		t.Run(attacks[i].name, func(t *testing.T) {
			o, err := r.run(t.Context(), &attacks[i], false)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%.0f %% of calls in time, peak memory %d MiB, SIGTERM %.1f s; attackers:%s",
				100*o.InTime, o.PeakMiB, o.StopAfter, o.attacked())
			for _, failure := range o.Failures {
				t.Error(failure)
			}
		})
	}
}
