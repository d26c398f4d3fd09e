//go:build cgo

package main

import (
	"runtime"
	"sync"
	"testing"
)

func TestSpawn(t *testing.T) {
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
		t.Errorf("an idle goroutine did job %d", got)
	}
	if kept := idle.Load(); kept > maxIdle {
		t.Errorf("%d goroutines are kept, want at most %d", kept, maxIdle)
	}
}
