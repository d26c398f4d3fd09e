package main

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestParseServers(t *testing.T) {
	servers, err := parseServers("ours, old=/before/umadb --cache 1")
	if err != nil || len(servers) != 2 {
		t.Fatalf("%v, %v", servers, err)
	}
	if servers[0].Name != "ours" || len(servers[0].command) != 0 {
		t.Errorf("%+v", servers[0])
	}
	if servers[1].Name != "old" || !slices.Equal(servers[1].command, []string{"/before/umadb", "--cache", "1"}) {
		t.Errorf("%+v", servers[1])
	}
	for _, bad := range []string{"", "a,", "a,a", "a=", "=b", "a/b=c"} {
		if _, err := parseServers(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestServerThatCannotBeStartedIsMissing(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the test needs a shell")
	}
	servers, absent, err := resolveServers(t.Context(), "first=/missing/umadb,second=/missing/umadb", t.TempDir())
	if err == nil {
		t.Errorf("without the first server: %v, %v", servers, absent)
	}
	program := filepath.Join(t.TempDir(), "umadb")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho umadb 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	servers, absent, err = resolveServers(t.Context(), "first="+program+",second=/missing/umadb", t.TempDir())
	if err != nil || len(servers) != 1 || servers[0].Version != "umadb 1" {
		t.Fatalf("%v, %v", servers, err)
	}
	if len(absent) != 1 || absent[0].Name != "second" || !strings.Contains(absent[0].Reason, "no such file") {
		t.Errorf("%+v", absent)
	}
	res := sample()
	res.Missing = absent
	if report := res.report("base"); !strings.Contains(report, "## Not measured\n\n- second: cannot run server") || res.failure() == nil {
		t.Error(report)
	}
}

func TestRecordedCommandHasNoPaths(t *testing.T) {
	got := recordedCommand([]string{"-servers", "ours,old=/some/where/umadb --db /else where/x", "-dir=/mnt/disk", "-rounds", "1", "-appends", ""})
	want := "go run ./bench -servers 'ours,old=…/umadb --db …/else where/x' -dir=…/disk -rounds 1 -appends ''"
	if got != want {
		t.Errorf("%s", got)
	}
	if got := withoutPaths(`open "/a/b.log": no such file; stat /a/c: gone; 1/2`); got != `open "…/b.log": no such file; stat …/c: gone; 1/2` {
		t.Errorf("%s", got)
	}
}
