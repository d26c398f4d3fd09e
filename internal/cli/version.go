package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version is the release that this source makes.
const Version = "0.8.0"

// versionInfo is what the version verb prints with --json.
type versionInfo struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// Revision is the commit that the program was built from, if it is known.
	Revision string `json:"revision,omitempty"`
}

func newVersionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of umadb and of Go",
		Example: "  umadb version --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info := currentVersion()
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), info)
			}
			revision := ""
			if info.Revision != "" {
				revision = ", revision " + info.Revision
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "umadb %s (%s, %s%s)\n", info.Version, info.Go, info.Platform, revision)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func currentVersion() versionInfo {
	info := versionInfo{
		Version:  Version,
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	for _, setting := range build.Settings {
		if setting.Key == "vcs.revision" {
			info.Revision = setting.Value
		}
	}
	return info
}
