package cli_test

import (
	"flag"
	"testing"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/cli"
)

var update = flag.Bool("update", false, "update the generated parts of the documents")

func TestDocumentsHaveEveryExitCode(t *testing.T) {
	wantSection(t, "docs/settings.md", "exit codes", exitCodeTable(nil))
}

func TestServeHasTheFlagsOfRootCommand(t *testing.T) {
	root := cli.NewCommand(extensions)
	serve, _, err := root.Find([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	root.Flags().VisitAll(func(f *pflag.Flag) {
		other := serve.Flags().Lookup(f.Name)
		if f.Name != "version" && (other == nil || other.Usage != f.Usage || other.DefValue != f.DefValue) {
			t.Errorf("serve does not have the same flag --%s", f.Name)
		}
	})
}
