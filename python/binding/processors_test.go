//go:build cgo

package main

import (
	"runtime"
	"testing"
)

func TestClientsUseOneProcessorAndStoresAll(t *testing.T) {
	if overridden {
		t.Skip("GOMAXPROCS is set in the environment")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	runtime.SetDefaultGOMAXPROCS()
	all := runtime.GOMAXPROCS(0)
	saveProcessors()
	if got := runtime.GOMAXPROCS(0); got != 1 {
		t.Errorf("a client uses %d", got)
	}
	useProcessors()
	if got := runtime.GOMAXPROCS(0); got != all {
		t.Errorf("a store uses %d of %d", got, all)
	}
}
