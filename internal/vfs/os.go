package vfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Created directories and files can be read and written only by their owner.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// OS is the operating system's file system.
type OS struct{}

// OpenDir opens the directory at a path.
func (OS) OpenDir(path string) (Dir, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	return openDir(absolute, path)
}

// System returns the name of the machine and the identifier that the kernel made when it
// started.
func (OS) System() System {
	host, _ := os.Hostname()
	return System{Host: host, Boot: bootID()}
}

// MkdirAll creates a directory and its missing parents, durably.
func (fs OS) MkdirAll(path string) error {
	parent := filepath.Dir(path)
	if !isDirectory(path) {
		if parent != path && !isDirectory(parent) {
			if err := fs.MkdirAll(parent); err != nil {
				return err
			}
		}
		// Another process may create it at the same time.
		if err := os.Mkdir(path, dirMode); err != nil && !isDirectory(path) {
			return err
		}
	}
	return fs.SyncDir(parent)
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// SyncDir makes the entries of the directory at a path durable.
func (OS) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(explainSync(syncDir(d)), d.Close())
}

// explainSync adds an explanation to the error of a file system that cannot sync
// directories.
func explainSync(err error) error {
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("%w: this file system, probably a network share, cannot sync directories, so a crash could lose files; put the store on a local file system", err)
	}
	return err
}
