package interop_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// nfpm builds packages, as goreleaser does in a release.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2"

// TestPackages builds a package from the configuration of releases, and unpacks it.
func TestPackages(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip(err)
	}
	if output, err := exec.Command("go", "run", nfpm, "--version").CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" || os.Getenv("UMADB_TEST_INTEROP") == "required" {
			t.Fatalf("nfpm cannot be built: %v\n%s", err, output)
		}
		t.Skipf("nfpm cannot be built: %v", err)
	}
	folder := t.TempDir()
	deb := buildPackage(t, folder, "deb")
	buildPackage(t, folder, "rpm")

	root := filepath.Join(folder, "root")
	command(t, "dpkg-deb", "--extract", deb, root)
	var files []string
	for line := range strings.Lines(command(t, "dpkg-deb", "--contents", deb)) {
		if fields := strings.Fields(line); !strings.HasSuffix(fields[5], "/") {
			files = append(files, fields[0]+" "+fields[1]+" "+fields[5])
		}
	}
	for _, want := range []string{
		"-rwxr-xr-x root/root ./usr/bin/umadb",
		"-rw-r--r-- root/root ./usr/lib/systemd/system/umadb.service",
		"-rw-r--r-- root/root ./usr/lib/sysusers.d/umadb.conf",
		"-rw-r--r-- root/root ./etc/umadb/umadb.toml",
		"-rw-r--r-- root/root ./usr/share/man/man1/umadb-serve.1",
		"-rw-r--r-- root/root ./usr/share/bash-completion/completions/umadb",
	} {
		if !slices.Contains(files, want) {
			t.Errorf("the package has no %q: %q", want, files)
		}
	}
	if conffiles := command(t, "dpkg-deb", "--info", deb, "conffiles"); conffiles != "/etc/umadb/umadb.toml\n" {
		t.Errorf("the configuration files are %q", conffiles)
	}
	program := filepath.Join(root, "usr/bin/umadb")
	settings := command(t, program, "serve", "--config", filepath.Join(root, "etc/umadb/umadb.toml"), "--print-config")
	if !strings.Contains(settings, "db-path = '/var/lib/umadb/uma.db' # file") {
		t.Errorf("the settings are %s", settings)
	}
	t.Run("user", func(t *testing.T) { wantUser(t, root) })
	t.Run("scripts", func(t *testing.T) { wantScripts(t, deb) })
}

// command runs a command in the root of the repository and returns its output.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = repository()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, output, stderr.String())
	}
	return string(output)
}

// buildPackage builds a package of the packager, such as deb, and returns its file.
func buildPackage(t *testing.T, folder, packager string) string {
	t.Helper()
	program := filepath.Join(folder, "umadb")
	completions := filepath.Join(folder, "completions")
	command(t, "make", "-s", "static", "STATIC="+program)
	command(t, "make", "-s", "completions", "COMPLETIONS="+completions)
	var releases struct{ Nfpms []map[string]any }
	config := strings.ReplaceAll(readDocument(t, ".goreleaser.yaml"), ".cache/completions", completions)
	if err := yaml.Unmarshal([]byte(config), &releases); err != nil || len(releases.Nfpms) != 1 {
		t.Fatalf("%v: .goreleaser.yaml has %d kinds of packages", err, len(releases.Nfpms))
	}
	settings := releases.Nfpms[0]
	delete(settings, "formats")
	settings["name"], settings["arch"], settings["platform"], settings["version"] = "umadb", "amd64", "linux", "0.8.0"
	settings["contents"] = append(settings["contents"].([]any), map[string]any{"src": program, "dst": "/usr/bin/umadb"})
	text, err := yaml.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	file, target := filepath.Join(folder, "nfpm.yaml"), filepath.Join(folder, "umadb."+packager)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, "go", "run", nfpm, "package", "--config", file, "--packager", packager, "--target", target)
	return target
}

// wantUser checks that systemd creates the user of the unit.
func wantUser(t *testing.T, root string) {
	sysusers, err := exec.LookPath("systemd-sysusers")
	if err != nil {
		t.Skip(err)
	}
	if os.Getuid() != 0 {
		t.Skip("only root can create users, even in another root")
	}
	command(t, sysusers, "--root="+root, "umadb.conf")
	users, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil || !strings.Contains(string(users), "\numadb:x:") && !strings.HasPrefix(string(users), "umadb:x:") {
		t.Errorf("the users are %q (%v)", users, err)
	}
	if !strings.Contains(readDocument(t, "deploy/systemd/umadb.service"), "\nUser=umadb\n") {
		t.Error("the unit has another user")
	}
}

// wantScripts runs the scripts of a package with replacements of the commands that change the
// system, and compares the calls.
func wantScripts(t *testing.T, deb string) {
	control, commands := t.TempDir(), t.TempDir()
	command(t, "dpkg-deb", "--control", deb, control)
	log := filepath.Join(commands, "log")
	for name, result := range map[string]string{"getent": "exit 2", "groupadd": "", "useradd": "", "systemctl": ""} {
		script := "#!/bin/sh\necho \"" + name + " $*\" >>" + log + "\n" + result + "\n"
		if err := os.WriteFile(filepath.Join(commands, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		script, argument string
		want             []string // beginnings of the calls, without those of systemctl, which need systemd
	}{
		{"preinst", "install", []string{"getent group umadb", "groupadd --system umadb", "getent passwd umadb", "useradd --system "}},
		{"postinst", "configure", nil},
		{"prerm", "upgrade", nil},
		{"prerm", "remove", nil},
		{"postrm", "remove", nil},
	} {
		if err := os.WriteFile(log, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/bin/sh", filepath.Join(control, c.script), c.argument)
		cmd.Env = append(os.Environ(), "PATH="+commands+":/usr/bin:/bin")
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s %s: %v\n%s", c.script, c.argument, err, output)
		}
		calls, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(calls)) {
			if strings.HasPrefix(line, "systemctl") && (strings.Contains(line, "start") || strings.Contains(line, "enable ")) {
				t.Errorf("%s %s starts the server: %s", c.script, c.argument, line)
			} else if !strings.HasPrefix(line, "systemctl") {
				got = append(got, line)
			}
		}
		if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
			t.Errorf("%s %s: the calls are %q, want %q", c.script, c.argument, got, c.want)
		}
	}
}
