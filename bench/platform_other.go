//go:build !linux

package main

import (
	"io/fs"
	"os"
)

// On other platforms the benchmark compiles, but fails because there is no /proc.

func allocatedBytes(info fs.FileInfo) int64 { return info.Size() }

func syncData(f *os.File) error { return f.Sync() }

func settle() {}
