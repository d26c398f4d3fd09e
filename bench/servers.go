package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// server is a server to measure.
type server struct {
	Name    string `json:"name"`
	Version string `json:"version"`

	// command is the program and its arguments before --listen. It must be the
	// server process itself: CPU time and memory are read by its process id.
	command []string
}

// resolveServers parses a list such as "ours,rust,old=../before/bin/umadb". The
// names ours and rust (the released Rust server) need no command.
func resolveServers(ctx context.Context, list, cache string) ([]server, error) {
	servers, err := parseServers(list)
	if err != nil {
		return nil, err
	}
	for i := range servers {
		s := &servers[i]
		if len(s.command) == 0 {
			switch s.Name {
			case "ours":
				s.command = []string{filepath.Join("bin", "umadb")}
			case "rust":
				program, err := installRust(ctx, filepath.Join(cache, "rust-umadb"))
				if err != nil {
					return nil, err
				}
				s.command = []string{program}
			default:
				return nil, fmt.Errorf("unknown server %q: write %s=COMMAND", s.Name, s.Name)
			}
		}
		if s.Version, err = version(ctx, s.command[0]); err != nil {
			return nil, fmt.Errorf("cannot run server %q: %w (run bench in the root of the repository, after make build)", s.Name, err)
		}
	}
	return servers, nil
}

func parseServers(list string) ([]server, error) {
	var servers []server
	seen := map[string]bool{}
	for part := range strings.SplitSeq(list, ",") {
		name, command, hasCommand := strings.Cut(strings.TrimSpace(part), "=")
		s := server{Name: name, command: strings.Fields(command)}
		switch {
		case name == "" || strings.ContainsAny(name, `/\ |`):
			return nil, fmt.Errorf("%q is not a valid server name", name)
		case seen[name]:
			return nil, fmt.Errorf("server %q is listed twice: rename one of them", name)
		case hasCommand && len(s.command) == 0:
			return nil, fmt.Errorf("server %q has an empty command", name)
		}
		seen[name] = true
		servers = append(servers, s)
	}
	return servers, nil
}

// version returns the first line that the program prints with --version.
func version(ctx context.Context, program string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
	return line, nil
}

// recordedCommand returns the command line that repeats the run, without the paths
// of this machine.
func recordedCommand(args []string) string {
	words := []string{"go", "run", "./bench"}
	for _, arg := range args {
		if arg = withoutPaths(arg); arg == "" || strings.ContainsAny(arg, " \t|;&$") {
			arg = "'" + arg + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

var absolutePath = regexp.MustCompile(`(^|[=, "])/[^=, ":]*`)

// withoutPaths shortens every absolute path to its last element.
func withoutPaths(arg string) string {
	return absolutePath.ReplaceAllStringFunc(arg, func(match string) string {
		before, path, _ := strings.Cut(match, "/")
		return before + "…/" + filepath.Base("/"+path)
	})
}
