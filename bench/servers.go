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

	kind kind
	// command is the program and its first arguments. It must be the server process
	// itself: CPU time and memory are read by its process id.
	command []string
}

// missing is a server that cannot be measured.
type missing struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// resolveServers parses a list such as "ours,rust,old=../before/bin/umadb", and installs
// the peers in it. A server that cannot be started is missing, unless it is the first one,
// without which there is nothing to compare.
func resolveServers(ctx context.Context, list, cache string) (servers []server, absent []missing, err error) {
	parsed, err := parseServers(list)
	if err != nil {
		return nil, nil, err
	}
	for i, s := range parsed {
		err := s.resolve(ctx, cache)
		switch {
		case err == nil:
			servers = append(servers, s)
		case i == 0 || ctx.Err() != nil:
			return nil, nil, err
		default:
			absent = append(absent, missing{s.Name, oneLine(err)})
		}
	}
	return servers, absent, nil
}

// resolve finds the command and its version.
func (s *server) resolve(ctx context.Context, cache string) (err error) {
	switch {
	case len(s.command) > 0:
	case s.Name == "ours":
		s.command = []string{filepath.Join("bin", "umadb")}
	case s.Name == "rust":
		s.command, err = single(installRust(ctx, filepath.Join(cache, "rust-umadb")))
	case s.Name == "tephra":
		s.kind, s.Version = tephra{}, "tephra-server "+tephraVersion // it has no --version
		s.command, err = single(installTephra(ctx, filepath.Join(cache, "tephra")))
	case s.Name == "postgres":
		s.kind = postgres{}
		s.command, err = single(findPostgres())
	case s.Name == "embedded":
		s.kind, s.Version = &embedded{}, "the Go library in the process of the client"
	default:
		return fmt.Errorf("unknown server %q: write %s=COMMAND", s.Name, s.Name)
	}
	if err == nil && s.Version == "" {
		if s.Version, err = version(ctx, s.command[0]); err != nil {
			err = fmt.Errorf("cannot run server %q: %w (run bench in the root of the repository, after make build)", s.Name, err)
		}
	}
	return err
}

// single returns a command that is only a program.
func single(program string, err error) ([]string, error) { return []string{program}, err }

func parseServers(list string) ([]server, error) {
	var servers []server
	seen := map[string]bool{}
	for part := range strings.SplitSeq(list, ",") {
		name, command, hasCommand := strings.Cut(strings.TrimSpace(part), "=")
		s := server{Name: name, kind: umadb{}, command: strings.Fields(command)}
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

// oneLine returns the text of an error for a line of the report.
func oneLine(err error) string {
	const most = 500
	line := strings.Join(strings.Fields(withoutPaths(err.Error())), " ")
	if len(line) > most {
		line = strings.ToValidUTF8(line[:most], "") + "…"
	}
	return line
}

// withoutPaths shortens every absolute path to its last element.
func withoutPaths(arg string) string {
	return absolutePath.ReplaceAllStringFunc(arg, func(match string) string {
		before, path, _ := strings.Cut(match, "/")
		return before + "…/" + filepath.Base("/"+path)
	})
}
