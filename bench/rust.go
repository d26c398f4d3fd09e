package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// rustVersion is the release to compare with.
const rustVersion = "0.7.8"

// installRust returns the path of the released Rust server. It is installed from
// the Python package index into a virtual environment that later runs reuse.
func installRust(ctx context.Context, environment string) (string, error) {
	program, err := filepath.Abs(filepath.Join(environment, "bin", "umadb"))
	if err != nil {
		return "", err
	}
	if line, err := version(ctx, program); err == nil && strings.Contains(line, rustVersion) {
		return program, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for _, words := range [][]string{
		{"python3", "-m", "venv", environment},
		{filepath.Join(environment, "bin", "python3"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "umadb==" + rustVersion},
	} {
		if err := runStep(exec.CommandContext(ctx, words[0], words[1:]...)); err != nil {
			return "", fmt.Errorf("cannot install the Rust server: %w", err)
		}
	}
	return program, nil
}
