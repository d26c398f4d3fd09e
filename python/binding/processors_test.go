//go:build cgo

package main

import (
	"runtime"
	"testing"
)

func TestClientsUseOneProcessorAndStoresAll(t *testing.T) {
	if wished {
		t.Skip("GOMAXPROCS is set in the environment")
	}
	all := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(all)
	saveProcessors()
	if got := runtime.GOMAXPROCS(0); got != 1 {
		t.Errorf("a client uses %d", got)
	}
	useProcessors()
	if got := runtime.GOMAXPROCS(0); got != all {
		t.Errorf("a store uses %d of %d", got, all)
	}
}
