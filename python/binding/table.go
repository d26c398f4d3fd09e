//go:build cgo

package main

import "sync"

// table maps the integer handles that C has to values. The zero value is empty.
type table[T any] struct {
	mu   sync.Mutex
	all  map[uint64]T // guarded by mu
	last uint64       // last handle that add assigned; guarded by mu
}

// add adds a value and returns its handle, which is never 0 and never reused.
func (t *table[T]) add(value T) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	t.set(t.last, value)
	return t.last
}

// put adds a value with a handle that the caller has chosen.
func (t *table[T]) put(handle uint64, value T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(handle, value)
}

func (t *table[T]) set(handle uint64, value T) {
	if t.all == nil {
		t.all = map[uint64]T{}
	}
	t.all[handle] = value
}

// get returns the value of a handle, or the zero value.
func (t *table[T]) get(handle uint64) T {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[handle]
}

// remove removes the value of a handle and returns it, or the zero value.
func (t *table[T]) remove(handle uint64) T {
	t.mu.Lock()
	defer t.mu.Unlock()
	value := t.all[handle]
	delete(t.all, handle)
	return value
}

// each calls do for every value. do must not use the table.
func (t *table[T]) each(do func(handle uint64, value T)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for handle, value := range t.all {
		do(handle, value)
	}
}
