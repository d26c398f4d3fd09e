//go:build cgo

package main

import (
	"os"
	"runtime"
	"sync/atomic"
)

// maxIdle is the maximum number of idle goroutines that are kept for reuse.
const maxIdle = 16

var (
	jobs = make(chan func()) // received by idle goroutines
	idle atomic.Int32        // number of idle goroutines
)

// spawn runs job on an idle goroutine, or on a new one if none is idle. The stack of an
// idle goroutine has grown to the size that a gRPC call needs, and growing a new stack
// takes longer than such a call.
func spawn(job func()) {
	select {
	case jobs <- job:
	default:
		go work(job)
	}
}

// work runs jobs until maxIdle other goroutines are idle.
func work(job func()) {
	for {
		job()
		if idle.Add(1) > maxIdle {
			idle.Add(-1)
			return
		}
		job = nil // so that it can be collected
		job = <-jobs
		idle.Add(-1)
	}
}

// gomaxprocsSet reports whether GOMAXPROCS is set in the environment.
var gomaxprocsSet = os.Getenv("GOMAXPROCS") != ""

// useOneProcessor limits Go to one processor. A client mostly passes messages to a program
// that uses one processor itself, because of the GIL. With more, each goroutine that becomes
// runnable would wake a thread on an idle processor, which finds that another has run it.
func useOneProcessor() {
	if !gomaxprocsSet {
		runtime.GOMAXPROCS(1)
	}
}

// useAllProcessors lets Go use all processors, for embedded stores and the command line.
func useAllProcessors() {
	if !gomaxprocsSet {
		runtime.SetDefaultGOMAXPROCS()
	}
}
