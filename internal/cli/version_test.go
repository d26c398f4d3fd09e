package cli

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionHasCommitAndDate(t *testing.T) {
	clone := &debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "false"},
	}}
	changed := &debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "true"},
	}}
	for name, c := range map[string]struct {
		commit, date string
		build        *debug.BuildInfo
		want         string
	}{
		"built in a clone":         {"", "", clone, ", commit 0123abc of 2026-01-02T03:04:05Z)\n"},
		"built in a changed clone": {"", "", changed, ", commit 0123abc-dirty of 2026-01-02T03:04:05Z)\n"},
		"set by the linker":        {"fedcba", "2026-05-06T07:08:09Z", clone, ", commit fedcba of 2026-05-06T07:08:09Z)\n"},
		"unknown":                  {"", "", nil, ")\n"},
	} {
		var text strings.Builder
		if err := newVersionInfo(c.commit, c.date, c.build).print(&text); err != nil {
			t.Fatal(err)
		}
		want := "umadb " + Version + " (" + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + c.want
		if got := text.String(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
