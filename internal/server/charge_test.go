package server

import (
	"crypto/sha256"
	"sync"
	"testing"
)

// Appends that are refused at the same time use nothing of the rate.
func TestRefusedAppendsAreNotCounted(t *testing.T) {
	k := newKey(Key{Name: "k", Hash: new([sha256.Size]byte), Rights: AllRights, AppendsPerSecond: 10, BytesPerSecond: 100}, nil)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2000 {
				(&call{key: k}).charge(15) // fewer are possible than by their number
			}
		})
	}
	all.Wait()
	if left := k.appends.Tokens(); left < 0 {
		t.Errorf("%v appends are left", left)
	}
	if left := k.bytes.Tokens(); left < 0 {
		t.Errorf("%v bytes are left", left)
	}
}
