//go:build !linux

package main

// peak is not known elsewhere.
func peak(any) int64 { return 0 }
