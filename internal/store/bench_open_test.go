package store_test

import (
	"fmt"
	"testing"

	"github.com/umadb-go/umadb/internal/store"
)

// BenchmarkOpen opens a store that was closed: one with blocks of the index, and a small one, whose
// events are only in the log.
func BenchmarkOpen(b *testing.B) {
	for _, events := range []int{200_000, 30_000} {
		b.Run(fmt.Sprintf("events=%d", events), func(b *testing.B) {
			dir := b.TempDir()
			s, err := store.Open(dir, nil)
			if err != nil {
				b.Fatal(err)
			}
			for n := 0; n < events; n += 100 {
				if _, err := s.Commit(b.Context(), benchAppend(b, n, 100), nil); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				s, err := store.Open(dir, &store.Options{ReadOnly: true})
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
