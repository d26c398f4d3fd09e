package cli

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/ndjson"
)

// Version is the version of this source code.
const Version = "0.8.0"

// commit and date identify the source that the program was built from. The Makefile sets
// them. Otherwise they come from Go's build information, if the program was built in a clone.
var commit, date string

// versionInfo is the JSON output of version.
type versionInfo struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// Commit is the commit that the program was built from, with "-dirty" if the source had
	// changes, and Date is its date. Both are empty if they are unknown.
	Commit string `json:"commit,omitempty"`
	Date   string `json:"date,omitempty"`
}

func newVersionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of umadb and of Go",
		Long:    `version prints the version of umadb and of Go, and the commit that umadb was built from, if known.`,
		Example: "  umadb version --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info := thisVersion()
			if asJSON {
				return ndjson.Write(cmd.OutOrStdout(), info)
			}
			return info.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// thisVersion returns the version of this program.
func thisVersion() versionInfo {
	build, _ := debug.ReadBuildInfo()
	return newVersionInfo(commit, date, build)
}

// newVersionInfo uses the commit and date that the linker set, or else those in Go's build
// information, which may be nil.
func newVersionInfo(commit, date string, build *debug.BuildInfo) versionInfo {
	if build == nil {
		build = new(debug.BuildInfo)
	}
	known := map[string]string{}
	for _, setting := range build.Settings {
		known[setting.Key] = setting.Value
	}
	revision := known["vcs.revision"]
	if known["vcs.modified"] == "true" {
		revision += "-dirty"
	}
	return versionInfo{
		Version:  Version,
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Commit:   cmp.Or(commit, revision),
		Date:     cmp.Or(date, known["vcs.time"]),
	}
}

func (v versionInfo) print(w io.Writer) error {
	from := ""
	if v.Commit != "" {
		from += ", commit " + v.Commit
	}
	if v.Date != "" {
		from += " of " + v.Date
	}
	_, err := fmt.Fprintf(w, "umadb %s (%s, %s%s)\n", v.Version, v.Go, v.Platform, from)
	return err
}
