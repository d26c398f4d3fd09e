package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
)

// lifetime is the lifetime of the processes. To the packages that start engines for tests, it is
// a test.
type lifetime struct {
	testing.TB // none: only the methods below may be called
	cleanups   []func()
	errs       []error
}

// Helper does nothing.
func (l *lifetime) Helper() {}

// Context returns a context that does not end.
func (l *lifetime) Context() context.Context { return context.Background() }

// Cleanup registers a function that end calls.
func (l *lifetime) Cleanup(f func()) { l.cleanups = append(l.cleanups, f) }

// Errorf adds an error.
func (l *lifetime) Errorf(format string, args ...any) {
	l.errs = append(l.errs, fmt.Errorf(format, args...))
}

// Logf prints a line.
func (l *lifetime) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// TempDir returns a directory that end removes.
func (l *lifetime) TempDir() string {
	dir, err := os.MkdirTemp("", "umadb-replicas-")
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// stopped is the panic of a function that cannot continue.
type stopped struct{ error }

// Fatal ends the lifetime with an error.
func (l *lifetime) Fatal(args ...any) { panic(stopped{errors.New(fmt.Sprint(args...))}) }

// Fatalf ends the lifetime with an error.
func (l *lifetime) Fatalf(format string, args ...any) { panic(stopped{fmt.Errorf(format, args...)}) }

// Skip ends the lifetime: there is no engine.
func (l *lifetime) Skip(args ...any) { l.Fatal(args...) }

// end, deferred, calls the functions of Cleanup, the last one first, and returns what has failed.
func (l *lifetime) end(err *error) {
	failed := recover()
	for len(l.cleanups) > 0 {
		last := l.cleanups[len(l.cleanups)-1]
		l.cleanups = l.cleanups[:len(l.cleanups)-1]
		last()
	}
	if s, ok := failed.(stopped); ok {
		l.errs = append(l.errs, s.error)
	} else if failed != nil {
		panic(failed)
	}
	*err = errors.Join(append(l.errs, *err)...)
}
