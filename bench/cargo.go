package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// isInstalled reports whether cargo has installed a version of a crate in a directory.
func isInstalled(root, crate, version string) bool {
	// Cargo lists in this file what it has installed, after it is complete.
	list, err := os.ReadFile(filepath.Join(root, ".crates.toml"))
	return err == nil && strings.Contains(string(list), `"`+crate+" "+version+" ")
}

// cargoInstall has cargo build the programs of a crate, in some minutes, unless they are in
// the directory.
func cargoInstall(ctx context.Context, root, crate, version string, env ...string) error {
	if isInstalled(root, crate, version) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "cargo", "install", "--locked", "--root", root, crate+"@"+version)
	build.Env = append(os.Environ(), env...)
	return runStep(build)
}

// runStep runs a command of an installation, which prints to standard error.
func runStep(step *exec.Cmd) error {
	step.Stdout, step.Stderr = os.Stderr, os.Stderr
	if err := step.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(step.Args, " "), err)
	}
	return nil
}
