package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/storedir"
	"github.com/umadb-go/umadb/internal/vfs"
)

// sharedFormat is the format of the mark of a store in shared mode:
//
//	 0  8  magic
//	 8  4  format version
//	12 16  identity of the shared log
//	28 16  identity of the directory, for reports; zero until a server has used it
//	44  4  CRC-32C of bytes 0 to 43
var sharedFormat = vfs.Format{Magic: "UmaDBsh\x00", Version: 1, Size: 48}

// sharedTemp is the name of a mark that is being written.
const sharedTemp = storedir.SharedName + ".tmp"

// sharedMark is the content of the file. An append to such a directory that the shared log
// does not have would split the history, so Open refuses it.
type sharedMark struct{ log, replica sharedlog.ID }

func (m *sharedMark) encode() []byte {
	b := sharedFormat.New()
	copy(b[12:], m.log[:])
	copy(b[28:], m.replica[:])
	return sharedFormat.Seal(b)
}

// readSharedMark reads the mark of a directory, and reports whether there is one. The content
// of an invalid one is zero.
func readSharedMark(root vfs.Dir) (m sharedMark, marked bool, err error) {
	f, err := root.Open(storedir.SharedName)
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	b := make([]byte, sharedFormat.Size)
	n, _ := f.ReadAt(b, 0) // an unreadable mark is one
	if sharedFormat.Check(b[:n]) == nil {
		copy(m.log[:], b[12:])
		copy(m.replica[:], b[28:])
	}
	return m, true, f.Close()
}

// valid reports whether the mark was read.
func (m *sharedMark) valid() bool { return *m != sharedMark{} }

// ReadReplica returns the shared log of the replica in a directory, and the identity with which
// it reports to the log. It reports whether there is a replica. The IDs are zero if its mark is
// invalid, and id also if no server has used the directory yet.
func ReadReplica(fsys vfs.FS, dir string) (log, id sharedlog.ID, is bool, err error) {
	root, err := fsys.OpenDir(dir)
	if err != nil {
		return log, id, false, err
	}
	m, marked, err := readSharedMark(root)
	return m.log, m.replica, marked, errors.Join(err, root.Close())
}

// markShared marks the directory with an identity, unless it has one.
func (s *Store) markShared() error {
	sh := s.shared
	if sh.mark.replica != (sharedlog.ID{}) {
		return nil
	}
	mark := sharedMark{log: sh.origin.Log}
	if _, err := rand.Read(mark.replica[:]); err != nil {
		return err
	}
	if err := s.writeSharedMark(mark); err != nil {
		return err
	}
	sh.mark = mark
	return nil
}

// writeSharedMark marks the directory, durably.
func (s *Store) writeSharedMark(m sharedMark) error {
	err := vfs.WriteFile(s.files.root, sharedTemp, storedir.SharedName, m.encode())
	return storeError(err, "marking the directory as one of a shared log")
}

// MarkShared marks the directory of a store that is not open as one of a shared log, which starts
// with that store. It gets an identity from the first server that uses it, so that copies differ.
func MarkShared(dir string, options *Options, log sharedlog.ID) (err error) {
	s := newStore(repairing, dir, options)
	if err := s.openDirectory(true); err != nil {
		return errors.Join(err, s.files.close())
	}
	defer func() { err = errors.Join(err, s.files.close()) }()
	return s.writeSharedMark(sharedMark{log: log})
}

// ErrReplica is returned by Open, unless the store is opened read-only, for the directory of a
// replica of a shared log. OpenShared opens it.
var ErrReplica = errors.New("it is the directory of a replica")

// checkSharedMark returns an error if the directory is that of a store in shared mode and is
// not opened as one, or is opened with another shared log.
func (s *Store) checkSharedMark() error {
	if s.mode != writing && s.mode != following {
		return nil
	}
	m, marked, err := readSharedMark(s.files.root)
	if err != nil || !marked {
		return storeError(err, "reading the mark of the shared log")
	}
	if s.shared != nil {
		if s.shared.mark = m; !m.valid() {
			return &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf("the file %s is corrupt; make the directory a store of its own with umadb cluster detach, then start the server again", filepath.Join(s.dir, storedir.SharedName))}
		}
		return s.checkSharedLog()
	}
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("cannot open store %s for writing: it follows the shared log %s; start it with umadb serve --log URL, or make it a store of its own with umadb cluster detach", s.dir, m.log), Cause: ErrReplica}
}

// checkSharedLog returns an error if the directory belongs to another shared log.
func (s *Store) checkSharedLog() error {
	sh := s.shared
	if sh.hasOrigin() && sh.mark.valid() && sh.mark.log != sh.origin.Log {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the directory %s belongs to the shared log %s, and this is the shared log %s; use the URL of its log, or a new directory", s.dir, sh.mark.log, sh.origin.Log)}
	}
	return nil
}
