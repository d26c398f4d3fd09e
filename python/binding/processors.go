//go:build cgo

package main

import (
	"os"
	"runtime"
)

// overridden tells whether the environment says how many processors Go is to use.
var overridden = os.Getenv("GOMAXPROCS") != ""

// saveProcessors has Go use one processor. A client does little but pass messages on,
// to a program that itself uses one, for Python has the GIL; and whenever a goroutine
// may run, Go wakes a thread on each idle processor, which finds that another has it.
func saveProcessors() {
	if !overridden {
		runtime.GOMAXPROCS(1)
	}
}

// useProcessors has Go use all, as befits an embedded store and the command line.
func useProcessors() {
	if !overridden {
		runtime.SetDefaultGOMAXPROCS()
	}
}
