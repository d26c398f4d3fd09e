package eventlog_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write what the tests find into testdata")

// golden compares with a file of testdata.
func golden(t *testing.T, name, have, otherwise string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(name, []byte(have), 0o644))
	}
	want, err := os.ReadFile(name)
	must(t, err)
	if have != string(want) {
		t.Errorf("%s differs: %s. It is now\n%s", name, otherwise, have)
	}
}
