package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// The release of Tephra to compare with, and what its build needs.
const (
	tephraVersion  = "0.4.4"
	tephraProtoc   = "36.2" // the only version that its code generator accepts
	tephraArtifact = "com.google.protobuf:protoc:4." + tephraProtoc + ":exe:linux-x86_64"
	mavenCopy      = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
)

// installTephra returns the path of the Tephra server. Cargo builds it, in some minutes, into
// a directory that later runs reuse.
func installTephra(ctx context.Context, root string) (string, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return "", err
	}
	program := filepath.Join(root, "bin", "tephra-server")
	if isInstalled(root, "tephra-server", tephraVersion) {
		return program, nil
	}
	protoc, err := findProtoc(ctx, root)
	if err != nil {
		return "", fmt.Errorf("cannot build Tephra: it needs protoc %s: %w", tephraProtoc, err)
	}
	if err := cargoInstall(ctx, root, "tephra-server", tephraVersion, "PROTOC="+protoc); err != nil {
		return "", fmt.Errorf("cannot build Tephra: %w", err)
	}
	return program, nil
}

// findProtoc returns the path of the compiler of protobuf. Without the right one on
// this machine, Maven downloads it.
func findProtoc(ctx context.Context, dir string) (string, error) {
	if path, err := exec.LookPath("protoc"); err == nil && isProtoc(ctx, path) {
		return path, nil
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return "", errors.New("there is none in PATH")
	}
	fetch := exec.CommandContext(ctx, "mvn", "-q", "-B", mavenCopy, "-Dartifact="+tephraArtifact, "-DoutputDirectory="+dir)
	if err := runStep(fetch); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "protoc-4."+tephraProtoc+"-linux-x86_64.exe")
	if err := os.Chmod(path, 0o755); err != nil {
		return "", err
	}
	if !isProtoc(ctx, path) {
		return "", fmt.Errorf("%s has another version", path)
	}
	return path, nil
}

func isProtoc(ctx context.Context, program string) bool {
	line, err := version(ctx, program)
	return err == nil && strings.HasSuffix(line, " "+tephraProtoc)
}
