//go:build cgo

package main

import "sync"

// table is things that C knows by number. Its zero value is empty.
type table[T any] struct {
	mu  sync.Mutex
	all map[uint64]T // guarded by mu
	// last is the last number that add gave; guarded by mu.
	last uint64
}

// add gives something a number, which is never 0 and never used again.
func (t *table[T]) add(something T) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	t.set(t.last, something)
	return t.last
}

// put adds something that has a number, of another's choice.
func (t *table[T]) put(number uint64, something T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(number, something)
}

func (t *table[T]) set(number uint64, something T) {
	if t.all == nil {
		t.all = map[uint64]T{}
	}
	t.all[number] = something
}

// get gives what has a number, or the zero value.
func (t *table[T]) get(number uint64) T {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[number]
}

// remove removes and gives what has a number.
func (t *table[T]) remove(number uint64) T {
	t.mu.Lock()
	defer t.mu.Unlock()
	something := t.all[number]
	delete(t.all, number)
	return something
}

// each calls do for everything. It must not use the table.
func (t *table[T]) each(do func(number uint64, something T)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for number, something := range t.all {
		do(number, something)
	}
}
