package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/internal/servertest"
)

// dockerfile returns the variables and the health check of the image.
func dockerfile(t *testing.T) (environment, healthCheck []string) {
	t.Helper()
	file, err := os.ReadFile("../../deploy/docker/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	env := regexp.MustCompile(`(?m)^ENV (.+)$`).FindSubmatch(file)
	check := regexp.MustCompile(`(?m)^HEALTHCHECK .*CMD (\[.+\])$`).FindSubmatch(file)
	if env == nil || check == nil {
		t.Fatal("the Dockerfile has no variables or no health check")
	}
	if err := json.Unmarshal(check[1], &healthCheck); err != nil {
		t.Fatal(err)
	}
	return strings.Fields(strings.ReplaceAll(string(env[1]), "0.0.0.0:50051", "127.0.0.1:0")), healthCheck
}

// TestStaticProgramInEmptyRoot builds the program as deploy/docker/Dockerfile does, and runs it
// as in that container: the file system contains nothing else, and all commands have the
// environment of the server.
func TestStaticProgramInEmptyRoot(t *testing.T) {
	root := t.TempDir()
	build := exec.Command("make", "-s", "-C", "../..", "static", "STATIC="+filepath.Join(root, "umadb"))
	build.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "MAKE") })
	if output, err := build.CombinedOutput(); errors.Is(err, exec.ErrNotFound) {
		t.Skip(err)
	} else if err != nil {
		t.Fatalf("make static: %v\n%s", err, output)
	}
	environment, healthCheck := dockerfile(t)
	umadb := func(args ...string) *exec.Cmd {
		return &exec.Cmd{
			Path: "/umadb",
			Args: append([]string{"umadb"}, args...),
			Env:  environment,
			Dir:  "/",
			SysProcAttr: &syscall.SysProcAttr{
				Chroot:      root,
				Cloneflags:  syscall.CLONE_NEWUSER, // allows any user to change the root
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
			},
		}
	}
	output, err := umadb("version", "--json").Output()
	if errors.Is(err, syscall.EPERM) && os.Getuid() != 0 {
		t.Skip("this user must not create a namespace:", err)
	}
	var built struct{ Commit, Date string }
	if err != nil || json.Unmarshal(output, &built) != nil {
		t.Fatalf("umadb version: %v, output %q", err, output)
	}
	if exec.Command("git", "rev-parse").Run() == nil && (len(built.Commit) < 40 || len(built.Date) != len("2006-01-02T15:04:05Z")) {
		t.Errorf("make static does not set the commit and date: %+v", built)
	}

	server, err := servertest.Start(umadb("serve", "--log-format", "json"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	address, listens := server.Output.AwaitAddress(ctx)
	if !listens {
		t.Fatalf("the server does not listen: %s", server.Output)
	}
	for i, variable := range environment {
		environment[i] = strings.ReplaceAll(variable, "127.0.0.1:50051", address)
	}
	if output, err := umadb(healthCheck[1:]...).CombinedOutput(); err != nil || string(output) != "SERVING\n" {
		t.Errorf("the health check %q: %v, output %q", healthCheck, err, output)
	}
	stop(t, server)
	written, err := os.ReadDir(root)
	if err != nil || len(written) != 2 { // the program and /data
		t.Errorf("the root contains %v (%v): it may be read-only", written, err)
	}
}
