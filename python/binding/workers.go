//go:build cgo

package main

import "sync/atomic"

// maxIdle is how many goroutines are kept for what comes next.
const maxIdle = 16

var (
	jobs = make(chan func()) // taken by idle goroutines
	idle atomic.Int32        // how many there are
)

// spawn runs a function on a goroutine, one that has done with another function if
// there is one: its stack has grown to what a call over gRPC takes, and to grow a new
// one takes longer than such a call.
func spawn(job func()) {
	select {
	case jobs <- job:
	default:
		go work(job)
	}
}

// work does jobs until enough others wait for one.
func work(job func()) {
	for {
		job()
		if idle.Add(1) > maxIdle {
			idle.Add(-1)
			return
		}
		job = nil // what it holds may go
		job = <-jobs
		idle.Add(-1)
	}
}
