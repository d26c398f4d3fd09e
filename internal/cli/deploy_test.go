package cli_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/umadb-go/umadb/internal/cli"
)

// deploy is the folder with examples of deployments.
const deploy = "../../deploy"

// TestDeploymentsUseVariablesThatExist compares the variables in the files of deploy with those of
// the flags.
func TestDeploymentsUseVariablesThatExist(t *testing.T) {
	exist := []string{"UMADB_LOG_PASSWORD"} // which engines of shared logs read
	for _, cmd := range cli.AllCommands(cli.NewCommand(extensions)) {
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { exist = append(exist, cli.Variable(flag)) })
	}
	found := 0
	err := filepath.WalkDir(deploy, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.HasSuffix(path, ".md") {
			return err
		}
		content, err := os.ReadFile(path)
		for _, name := range regexp.MustCompile(`\bUMADB_[A-Z0-9_]+`).FindAllString(string(content), -1) {
			if found++; !slices.Contains(exist, name) {
				t.Errorf("%s has the variable %s, which no command reads", path, name)
			}
		}
		return err
	})
	if err != nil || found < 20 {
		t.Errorf("%d variables in %s, %v", found, deploy, err)
	}
}

// TestComposeFilesUseCommandsThatExist runs no container.
func TestComposeFilesUseCommandsThatExist(t *testing.T) {
	files, err := filepath.Glob(deploy + "/docker/compose*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("the compose files are %v, %v", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var compose struct {
			Services map[string]struct {
				Image       string
				Command     []string
				Environment map[string]string
				Ports       []string
			}
		}
		if err := yaml.Unmarshal(content, &compose); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		shared := map[string]bool{}
		for name, s := range compose.Services {
			for _, port := range s.Ports {
				if !strings.HasPrefix(port, "127.0.0.1:") {
					t.Errorf("%s: %s publishes %s to other machines", file, name, port)
				}
			}
			if !strings.HasPrefix(s.Image, "umadb:") {
				continue
			}
			root := cli.NewCommand(extensions)
			if cmd, rest, err := root.Find(s.Command); err != nil || len(s.Command) > 0 && (len(rest) > 0 || cmd == root) {
				t.Errorf("%s: %s has the command %v: %v", file, name, s.Command, err)
			}
			if s.Environment["UMADB_LOG"] != "" {
				shared[s.Environment["UMADB_ADVERTISE"]] = true
			}
			if url := s.Environment["UMADB_ADVERTISE"]; url != "" && url != "http://"+name+":50051" {
				t.Errorf("%s: %s advertises %s", file, name, url)
			}
		}
		if strings.Contains(file, "compose-") && len(shared) != 4 { // three servers, and create
			t.Errorf("%s has the servers %v of a shared log", file, shared)
		}
	}
}
