package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/vfs"
)

const (
	// standbyName is the name of the file that marks the directory of a standby.
	standbyName = "STANDBY"
	standbyTemp = "STANDBY.tmp"
)

const (
	standbyBytes   = 512
	standbyAddress = 32
	standbyCRC     = standbyBytes - 4
)

// standbyFormat is the format of a mark. It is within one sector, so a crash leaves its old
// content or its new content:
//
//	  0  8  magic
//	  8  4  format version
//	 12  4  number of bytes of the address
//	 16  8  position of the last event of the server
//	 24  8  when that was known, in Unix nanoseconds; 0 if it was never
//	 32 476 address of the server, then zeros
//	508  4  CRC-32C of bytes 0 to 507
var standbyFormat = vfs.Format{Magic: "UmaDBsb\x00", Version: 1, Size: standbyBytes}

// standbyMark is the content of the file. Only its existence matters for safety: what it
// contains is for messages.
type standbyMark struct {
	server string
	head   uint64    // of the server
	known  time.Time // when that was its head; zero if it was never known
}

func (m *standbyMark) encode() []byte {
	b := standbyFormat.New()
	n := copy(b[standbyAddress:standbyCRC], m.server)
	binary.LittleEndian.PutUint32(b[12:], uint32(n))
	binary.LittleEndian.PutUint64(b[16:], m.head)
	if !m.known.IsZero() {
		binary.LittleEndian.PutUint64(b[24:], uint64(m.known.UnixNano()))
	}
	return standbyFormat.Seal(b)
}

// decodeStandbyMark decodes a mark. The result of an invalid one is empty.
func decodeStandbyMark(b []byte) (m standbyMark) {
	if standbyFormat.Check(b) != nil {
		return m
	}
	if n := binary.LittleEndian.Uint32(b[12:]); n <= standbyCRC-standbyAddress {
		m.server = string(b[standbyAddress:][:n])
	}
	m.head = binary.LittleEndian.Uint64(b[16:])
	if at := binary.LittleEndian.Uint64(b[24:]); at != 0 {
		m.known = time.Unix(0, int64(at)).UTC()
	}
	return m
}

// readStandbyMark reads the mark of a directory, and reports whether there is one.
func readStandbyMark(root vfs.Dir) (m standbyMark, marked bool, err error) {
	f, err := root.Open(standbyName)
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	b := make([]byte, standbyBytes)
	n, _ := f.ReadAt(b, 0) // an unreadable mark is one
	return decodeStandbyMark(b[:n]), true, f.Close()
}

// IsStandby reports whether a directory is marked as that of a standby.
func IsStandby(fsys vfs.FS, dir string) (bool, error) {
	root, err := fsys.OpenDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, marked, err := readStandbyMark(root)
	return marked, errors.Join(err, root.Close())
}

// MarkStandby marks a directory as that of a standby of a server, durably. From then on Open
// refuses to open it for writing. The caller must have locked the directory.
func MarkStandby(fsys vfs.FS, dir, server string) error {
	root, err := fsys.OpenDir(dir)
	if err != nil {
		return storeError(err, "opening the directory of the standby")
	}
	m := standbyMark{server: server}
	err = vfs.WriteFile(root, standbyTemp, standbyName, m.encode())
	return storeError(errors.Join(err, root.Close()), "marking the directory of the standby")
}

// ErrStandby is returned by Open, unless the store is opened read-only, for the directory of
// a standby. OpenStandby opens it.
var ErrStandby = errors.New("it is the directory of a standby")

// refuseStandby returns an error if the directory is that of a standby and is opened for
// appends.
func (s *Store) refuseStandby() error {
	if s.mode != writing {
		return nil
	}
	m, marked, err := readStandbyMark(s.files.root)
	if err != nil || !marked {
		return storeError(err, "reading the mark of a standby")
	}
	server := m.server
	if server == "" {
		server = "URL"
	}
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("cannot open store %s for writing: it follows a server as a standby; to start it, run: umadb serve --db-path %q --standby-of %s; to make it a store of its own, run: umadb promote --db-path %q", s.dir, s.dir, server, s.dir), Cause: ErrStandby}
}

// Promotion is the result of Promote.
type Promotion struct {
	Server     string    // that the standby followed; empty if unknown
	Head       uint64    // position of the last event
	LastCommit time.Time // zero if there is none
	// ServerHead is the last known head of the server, at the time Known, which is zero if
	// it was never known.
	ServerHead uint64
	Known      time.Time
}

// Promote makes the directory of a standby that is not open an ordinary store: it verifies
// the end of the log, makes it durable, and removes the mark.
func Promote(dir string, options *Options) (p *Promotion, err error) {
	s := newStore(following, dir, options)
	if err := s.openDirectory(true); err != nil {
		return nil, errors.Join(err, s.files.close())
	}
	defer func() { err = errors.Join(err, s.files.close()) }()
	m, marked, err := readStandbyMark(s.files.root)
	if err != nil {
		return nil, storeError(err, "reading the mark of the standby")
	}
	if !marked {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%s is not the directory of a standby that has received a commit: if it is a store, umadb serve can open it; if its standby is new, start that again", s.dir)}
	}
	if err := s.openReceiver(); err != nil {
		return nil, storeError(err, "opening the log of "+s.dir)
	}
	end := s.receiver.Tail()
	if err := s.receiver.Close(); err != nil {
		return nil, storeError(err, "making the log of "+s.dir+" durable")
	}
	if err := vfs.RemoveFile(s.files.root, standbyName); err != nil {
		return nil, storeError(err, "removing the mark of the standby")
	}
	p = &Promotion{Server: m.server, Head: end.Next - 1, ServerHead: m.head, Known: m.known}
	if end.Time != 0 {
		p.LastCommit = time.Unix(0, end.Time).UTC()
	}
	return p, nil
}
