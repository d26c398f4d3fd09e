//go:build !linux

package main

import (
	"io/fs"
	"math"
	"os"
	"os/exec"
)

// On other platforms the benchmark compiles, but fails because there is no /proc.

func allocatedBytes(info fs.FileInfo) int64 { return info.Size() }

func freeBytes(string) (int64, error) { return math.MaxInt64, nil }

func resetPeakMemory() {}

func syncData(f *os.File) error { return f.Sync() }

func settle() {}

func asOrdinaryUser(cmd *exec.Cmd) (*exec.Cmd, error) { return cmd, nil }

func allowOrdinaryUser(string) error { return nil }
