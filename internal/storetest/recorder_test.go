package storetest_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
)

// recorder is a testing.TB that records failures.
type recorder struct {
	testing.TB // nil, for the methods that are not called
	ctx        context.Context

	mu       sync.Mutex
	failures []string
	cleanups []func()
}

// record runs a test in its own goroutine, which FailNow may end, and returns the
// failures.
func record(run func(*recorder)) []string {
	ctx, cancel := context.WithCancel(context.Background())
	r := &recorder{ctx: ctx}
	r.run(func() { run(r) })
	cancel()
	for len(r.cleanups) > 0 {
		last := len(r.cleanups) - 1
		cleanup := r.cleanups[last]
		r.cleanups = r.cleanups[:last]
		r.run(cleanup)
	}
	return r.failures
}

func (*recorder) run(f func()) {
	var ended sync.WaitGroup
	ended.Go(f)
	ended.Wait()
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) FailNow() { r.Fatalf("FailNow") }

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

func (r *recorder) TempDir() string {
	dir, err := os.MkdirTemp("", "recorder")
	if err != nil {
		r.Fatalf("%v", err)
	}
	r.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Name() string             { return "recorder" }
func (r *recorder) Helper()                  {}
func (r *recorder) Log(...any)               {}
func (r *recorder) Logf(string, ...any)      {}
func (r *recorder) Fail()                    { r.Errorf("Fail") }
func (r *recorder) Error(args ...any)        { r.Errorf("%s", fmt.Sprint(args...)) }
func (r *recorder) Fatal(args ...any)        { r.Fatalf("%s", fmt.Sprint(args...)) }
