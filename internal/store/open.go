package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
)

const (
	lockName  = "LOCK"
	logName   = "log"
	indexName = "index"
	// rustName is the file that the Rust server keeps its store in.
	rustName = "uma.db"
)

func (s *Store) indexDir() string { return filepath.Join(s.dir, indexName) }

// Open opens the store in a directory, which is made if it does not exist. It
// recovers the log, cuts what a crash left of a commit that was never
// acknowledged, and builds what is missing of the index; see Options.ReadOnly.
func Open(dir string, options *Options) (*Store, error) {
	s := newStore(dir, options)
	if err := s.open(context.Background()); err != nil {
		return nil, err
	}
	if damage := s.log.Corruption(); damage != nil {
		return nil, errors.Join(storeError(damage, "opening the log of "+dir), s.free(false))
	}
	if err := s.openIndex(); err != nil {
		return nil, errors.Join(storeError(err, "opening the index of "+dir), s.free(false))
	}
	if !s.options.ReadOnly {
		s.start()
	}
	return s, nil
}

func newStore(dir string, options *Options) *Store {
	s := &Store{
		options: options.withDefaults(),
		dir:     filepath.Clean(dir),
		failed:  make(chan struct{}),
		gate:    newGate(),
		closing: make(chan struct{}),
		closed:  make(chan struct{}),
		queue:   newQueue(),
		slots:   newSlots(),
		watches: newWatches(),
	}
	s.records = index.NewOwner()
	s.states.retire = s.retire
	s.background.init()
	return s
}

// open locks the directory and opens the log. When ctx is done, later scans of the
// log end too.
func (s *Store) open(ctx context.Context) error {
	if err := s.options.validate(); err != nil {
		return err
	}
	s.cache = index.NewCache(s.options.CacheBytes)
	err := s.openDirectory(s.options.ReadOnly || s.options.MustExist)
	if err == nil {
		err = storeError(s.openLog(ctx), "opening the log of "+s.dir)
	}
	if err != nil {
		return errors.Join(err, s.files.close())
	}
	if torn := s.log.Torn(); torn != nil && !s.options.ReadOnly {
		s.options.Logger.Warn("a crash left part of a commit that was never acknowledged; it has been cut", "what", torn.String())
	}
	s.hasher = index.NewHasher(s.log.ID())
	tail := s.log.Tail()
	s.publish(tail.Next-1, tail.Index)
	s.states.change(func(*state) {})
	if err := s.files.openIndex(s.options.ReadOnly); err != nil {
		return errors.Join(storeError(err, "opening the index of "+s.dir), s.free(false))
	}
	return nil
}

// explainPath returns the error for a path that cannot be opened as a directory.
func (s *Store) explainPath(err error) error {
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		if file := s.fileAbove(); file != s.dir {
			return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%s is a file, so %s cannot be a directory with a store; name another", file, s.dir)}
		}
		return notOurs(s.dir + " is a file, and a store is a directory")
	case errors.Is(err, fs.ErrNotExist):
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "there is no store in " + s.dir, Cause: fs.ErrNotExist}
	}
	return storeError(err, "looking at the directory of the store")
}

// inspect returns an error if a directory contains something else than a store, or,
// with mustExist, if it contains no store.
func (s *Store) inspect(names []string, mustExist bool) error {
	switch {
	case slices.Contains(names, logName):
		return nil
	case slices.Contains(names, rustName):
		return s.otherStore(filepath.Join(s.dir, rustName))
	}
	// Another process may be making the store: what is not among the names is not
	// looked for.
	if slices.Contains(names, indexName) {
		if err := s.checkLogIsNotLost(); err != nil {
			return err
		}
	}
	foreign := slices.IndexFunc(names, isForeign)
	switch {
	case mustExist:
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: s.dir + " holds no store"}
	case foreign >= 0:
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%s holds no store but %s: name a new directory, or an empty one", s.dir, names[foreign])}
	}
	return nil
}

// isForeign tells whether a file keeps its directory from becoming a store. Those
// of a store being made do not, nor what file systems put into every directory.
func isForeign(name string) bool {
	return name != lockName && name != "lost+found" && !strings.HasPrefix(name, ".")
}

// otherStore says what a directory is about that has another where the Rust server
// keeps its file.
func (s *Store) otherStore(path string) error {
	if dir, err := s.files.root.OpenDir(rustName); err == nil {
		_ = dir.Close()
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%s holds no store; did you mean %s?", s.dir, path)}
	}
	return notOurs(path + " is the store of another server")
}

// fileAbove gives what keeps the path of the store from being one: the file in
// the place of a directory.
func (s *Store) fileAbove() string {
	file := s.dir
	for parent := filepath.Dir(file); parent != file; parent = filepath.Dir(file) {
		dir, err := s.options.FS.OpenDir(parent)
		if err == nil {
			_ = dir.Close()
		}
		if !errors.Is(err, syscall.ENOTDIR) {
			break
		}
		file = parent
	}
	return file
}

func notOurs(what string) error {
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: what + "; if the Rust umadb made it, copy its events with `umadb import --from URL` into a new directory"}
}

// openIndex opens the blocks there are, builds those that are missing, and
// begins the memory block behind them.
func (s *Store) openIndex() error {
	spans, err := s.blockFiles()
	if err != nil {
		return err
	}
	c := cover{store: s, builder: s.builder(flushTemp, nil), end: s.log.Start()}
	defer c.publish()
	for _, span := range spans {
		if err := c.add(span); err != nil {
			return err
		}
	}
	return c.finish()
}

// blockFiles gives the groups of the block files, those that begin first and
// reach furthest first. It removes files that were being written.
func (s *Store) blockFiles() ([]index.Span, error) {
	if s.files.index == nil {
		return nil, nil
	}
	names, err := s.files.index.List()
	if err != nil {
		return nil, err
	}
	var spans []index.Span
	for _, name := range names {
		if first, last, ok := index.ParseFileName(name); ok {
			spans = append(spans, index.Span{FirstGroup: first, LastGroup: last})
		} else if name == flushTemp || name == joinTemp {
			if err := s.removeIndexFile(name); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(spans, func(a, b index.Span) int {
		return cmp.Or(cmp.Compare(a.FirstGroup, b.FirstGroup), cmp.Compare(b.LastGroup, a.LastGroup))
	})
	return spans, nil
}

// asideSuffix is added to the name of a directory that has the name of an index file.
const asideSuffix = ".aside"

// removeIndexFile removes an obsolete file of the index. In a store that is only
// read, it does nothing. A directory that contains files is renamed, because they are
// not part of the store.
func (s *Store) removeIndexFile(name string) error {
	if s.options.ReadOnly {
		return nil
	}
	err := s.files.index.Remove(name)
	if errors.Is(err, fs.ErrExist) { // the directory is not empty
		err = s.files.index.Rename(name, name+asideSuffix)
	}
	return err
}
