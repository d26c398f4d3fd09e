package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/umadb-go/umadb/internal/vfs"
)

// A Receiver syncs many groups at a time, so a crash can leave a valid group after an
// invalid one, which is corruption in any other log. While it writes, the directory of
// the log contains a file with the index of a durable group. Recovery looks for torn
// writes after that group, and for corruption before it.
const (
	copyingName  = "copying"
	copyingTemp  = nextPrefix + "copying" + nextSuffix // removed by Open, as next segments are
	copyingMagic = "UmaDBcpy"
	copyingBytes = 32
)

// encodeCopying returns the content of the file. All numbers are little-endian. The file
// is within one sector, so a crash leaves its old content or its new content.
//
//	 0  8  magic "UmaDBcpy"
//	 8  4  format version
//	12  4  zero
//	16  8  index of a durable group, 0 for none
//	24  4  zero
//	28  4  CRC-32C of bytes 0 to 28
func encodeCopying(durable uint64) []byte {
	b := make([]byte, copyingBytes)
	copy(b, copyingMagic)
	binary.LittleEndian.PutUint32(b[8:], formatVersion)
	binary.LittleEndian.PutUint64(b[16:], durable)
	binary.LittleEndian.PutUint32(b[28:], Checksum(b[:28]))
	return b
}

func decodeCopying(b []byte) (durable uint64, err error) {
	if len(b) != copyingBytes || string(b[:8]) != copyingMagic || binary.LittleEndian.Uint32(b[28:]) != Checksum(b[:28]) {
		return 0, errors.New("it does not describe a copy")
	}
	if version := binary.LittleEndian.Uint32(b[8:]); version != formatVersion {
		return 0, fmt.Errorf("%w %d; this program supports version %d", vfs.ErrVersion, version, formatVersion)
	}
	return binary.LittleEndian.Uint64(b[16:]), nil
}

// readCopying returns the index of a durable group, or nil if there is no file: the log
// is not a copy that is being written.
func (l *Log) readCopying() (durable *uint64, err error) {
	b, err := vfs.ReadOverwritten(l.dir, copyingName, copyingBytes, func(b []byte) bool {
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
		return nil, &vfs.CorruptionError{File: l.path(copyingName), What: err.Error()}
	}
	return &index, nil
}

// createCopying creates the file, durably.
func (l *Log) createCopying(durable uint64) (vfs.File, error) {
	f, err := l.dir.Create(copyingTemp)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteAt(encodeCopying(durable), 0)
	if err == nil {
		err = vfs.Publish(l.dir, f, copyingTemp, copyingName)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// removeCopying removes the file, durably. The end of the log must be durable.
func (l *Log) removeCopying() error {
	return errors.Join(l.dir.Remove(copyingName), l.dir.Sync())
}

// classifyCopy inspects the bytes after the last valid group of a copy that was being
// written. The groups after the durable one may be torn in any combination.
func (s *scanner) classifyCopy(durable uint64) (*Torn, error) {
	if s.tail.Index < durable {
		return nil, s.corruption(s.offset, "group %d is missing or corrupt, although group %d was durable", s.tail.Index+1, durable)
	}
	end, err := s.lastNonZero()
	if err != nil || end <= s.offset {
		return nil, err
	}
	return &Torn{File: s.name, From: s.offset, To: end, Position: s.tail.Next}, nil
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
