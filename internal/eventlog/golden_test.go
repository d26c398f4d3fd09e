package eventlog_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "update the files in testdata")

// golden compares have with a file in testdata. hint explains a difference.
func golden(t *testing.T, name, have, hint string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(name, []byte(have), 0o644))
	}
	want, err := os.ReadFile(name)
	must(t, err)
	if have != string(want) {
		t.Errorf("%s differs: %s. Got\n%s", name, hint, have)
	}
}
