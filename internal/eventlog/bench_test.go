package eventlog_test

import (
	"fmt"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// BenchmarkWrite writes groups to files of the operating system. Every group is synced
// if the name says so.
func BenchmarkWrite(b *testing.B) {
	for _, bytes := range []int{300, 64 << 10} {
		for _, sync := range []bool{false, true} {
			b.Run(fmt.Sprintf("bytes=%d/sync=%t", bytes, sync), func(b *testing.B) {
				dir, err := vfs.OS{}.OpenDir(b.TempDir())
				if err != nil {
					b.Fatal(err)
				}
				log, appender, writer, err := eventlog.Open(dir, eventlog.Options{NewID: func() (eventlog.StoreID, error) { return eventlog.StoreID{1}, nil }})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { log.Close(nil, nil) })
				group := make([]byte, eventlog.GroupPrefix+bytes)
				b.SetBytes(int64(bytes))
				for b.Loop() {
					if _, err := appender.Reserve(0, bytes); err != nil {
						b.Fatal(err)
					}
					sealed := appender.Seal(group, eventlog.KindRecords, 1, 1)
					if err := writer.Write(sealed); err != nil {
						b.Fatal(err)
					}
					if sync {
						if err := writer.Sync(); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}
