//go:build cgo

package main

import (
	"runtime"
	"sync"
	"testing"
)

func TestSpawnReusesIdleGoroutines(t *testing.T) {
	var done sync.WaitGroup
	block := make(chan struct{})
	for range 2 * maxIdle { // none waits for another
		done.Add(1)
		spawn(func() {
			<-block
			done.Done()
		})
	}
	close(block)
	done.Wait()
	for idle.Load() == 0 {
		runtime.Gosched()
	}
	again := make(chan int)
	spawn(func() { again <- 1 })
	if got := <-again; got != 1 {
		t.Errorf("an idle goroutine ran job %d", got)
	}
	if kept := idle.Load(); kept > maxIdle {
		t.Errorf("%d idle goroutines, want at most %d", kept, maxIdle)
	}
}

func TestClientsUseOneProcessorAndStoresAll(t *testing.T) {
	if gomaxprocsSet {
		t.Skip("GOMAXPROCS is set in the environment")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	runtime.SetDefaultGOMAXPROCS()
	all := runtime.GOMAXPROCS(0)
	useOneProcessor()
	if got := runtime.GOMAXPROCS(0); got != 1 {
		t.Errorf("a client uses %d processors, want 1", got)
	}
	useAllProcessors()
	if got := runtime.GOMAXPROCS(0); got != all {
		t.Errorf("a store uses %d processors, want %d", got, all)
	}
}
