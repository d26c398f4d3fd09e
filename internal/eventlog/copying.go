package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/umadb-go/umadb/internal/vfs"
)

// A Receiver syncs many groups at a time, and so does a Writer of series. Then a crash can
// leave a valid group after an invalid one, which is corruption in any other log. Meanwhile
// the directory of the log contains a file with the index of a durable group. Recovery looks
// for torn writes after that group, and for corruption before it.
const (
	copyingName = "copying"
	copyingTemp = nextPrefix + "copying" + nextSuffix // removed by Open, as next segments are
)

// copyingFormat is the format of the file. The file is within one sector, so a crash leaves
// its old content or its new content.
//
//	 0  8  magic "UmaDBcpy"
//	 8  4  format version
//	12  4  zero
//	16  8  index of a durable group, 0 for none
//	24  4  zero
//	28  4  CRC-32C of bytes 0 to 28
var copyingFormat = vfs.Format{Magic: "UmaDBcpy", Version: formatVersion, Size: 32}

func encodeCopying(durable uint64) []byte {
	b := copyingFormat.New()
	binary.LittleEndian.PutUint64(b[16:], durable)
	return copyingFormat.Seal(b)
}

func decodeCopying(b []byte) (durable uint64, err error) {
	if err := copyingFormat.Check(b); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[16:]), nil
}

// readCopying returns the index of a durable group, or nil if there is no file: the log
// is not a copy that is being written.
func (l *Log) readCopying() (durable *uint64, err error) {
	b, err := vfs.ReadOverwritten(l.dir, copyingName, copyingFormat.Size, func(b []byte) bool {
		_, err := decodeCopying(b)
		return err == nil || errors.Is(err, vfs.ErrVersion)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	index, err := decodeCopying(b)
	switch {
	case errors.Is(err, vfs.ErrVersion):
		return nil, fmt.Errorf("%s: %w", l.path(copyingName), err)
	case err != nil:
		return nil, &vfs.CorruptionError{File: l.path(copyingName), What: "it does not describe a copy"}
	}
	return &index, nil
}

// createCopying creates the file, durably.
func (l *Log) createCopying(durable uint64) (vfs.File, error) {
	return vfs.CreateFile(l.dir, copyingTemp, copyingName, func(f vfs.File) error {
		_, err := f.WriteAt(encodeCopying(durable), 0)
		return err
	})
}

// removeCopying removes the file, durably. The end of the log must be durable.
func (l *Log) removeCopying() error { return vfs.RemoveFile(l.dir, copyingName) }

// classifyCopy inspects the bytes after the last valid group of a copy that was being
// written. The groups after the durable one may be torn in any combination.
func (s *scanner) classifyCopy(durable uint64) (*Torn, error) {
	if s.tail.Index < durable {
		return nil, s.corruption(s.offset, "group %d is missing or corrupt, although group %d was durable", s.tail.Index+1, durable)
	}
	return s.unsound()
}

// RemoveCopy removes the log in a directory that contains a copy or is empty.
func RemoveCopy(dir vfs.Dir) error {
	l := &Log{dir: dir, options: Options{keepCopying: true}}
	bases, err := l.list()
	if err != nil {
		return err
	}
	// From the last one, so that what an interruption leaves is a valid log.
	for _, base := range slices.Backward(bases) {
		if err := dir.Remove(segmentName(base)); err != nil {
			return err
		}
	}
	return dir.Sync()
}
