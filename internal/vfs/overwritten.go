package vfs

import (
	"errors"
	"io"
	"time"
)

const (
	// overwrittenTries and overwrittenPause bound how long a file is read again that may be
	// being written: far longer than the write takes.
	overwrittenTries = 20
	overwrittenPause = 100 * time.Microsecond
)

// ReadOverwritten reads a small file that another process may be overwriting. A read can then
// see a part of the write. While valid reports false, the file is read again, a few times. The
// result is up to one byte longer than size, so that a longer file can be recognized.
func ReadOverwritten(dir Dir, name string, size int, valid func([]byte) bool) ([]byte, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	b := make([]byte, size+1)
	for try := 1; ; try++ {
		n, err := f.ReadAt(b, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, errors.Join(err, f.Close())
		}
		if try == overwrittenTries || valid(b[:n]) {
			return b[:n], f.Close()
		}
		time.Sleep(overwrittenPause)
	}
}
