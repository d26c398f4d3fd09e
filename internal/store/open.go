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
	"github.com/umadb-go/umadb/internal/eventlog"
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
	if damage := s.log.Damage(); damage != nil {
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

// open locks the directory and opens the log. The end of ctx ends every later scan of
// the log as well.
func (s *Store) open(ctx context.Context) error {
	if err := s.options.validate(); err != nil {
		return err
	}
	fsys := s.options.FS
	must := s.options.ReadOnly || s.options.MustExist
	if err := s.inspect(must); err != nil {
		return err
	}
	if !must {
		if err := s.makeDir(); err != nil {
			return storeError(err, "making the directory of the store")
		}
	}
	s.cache = index.NewCache(s.options.CacheBytes)
	if err := s.takeLock(); err != nil {
		return err
	}
	if err := s.checkLogIsThere(); err != nil {
		return errors.Join(err, s.lock.Close())
	}
	var err error
	s.log, err = eventlog.Open(fsys, filepath.Join(s.dir, logName), eventlog.Options{
		SegmentBytes: s.options.SegmentBytes, NewID: newStoreID, ReadOnly: s.options.ReadOnly, Interrupted: ctx.Err,
	})
	if err != nil {
		return errors.Join(storeError(err, "opening the log of "+s.dir), s.lock.Close())
	}
	if torn := s.log.Torn(); torn != nil && !s.options.ReadOnly {
		s.options.Logger.Warn("a crash left part of a commit that was never acknowledged; it has been cut", "what", torn.String())
	}
	s.hasher = index.NewHasher(s.log.ID())
	tail := s.log.Tail()
	s.publish(tail.Next-1, tail.Index)
	s.states.change(func(*state) {})
	return nil
}

// checkLogIsThere fails if there is an index and no log: a new log must not take
// the place of one that is lost, or not mounted. The log of a new store is there
// before its index.
func (s *Store) checkLogIsThere() error {
	if names, err := s.options.FS.List(filepath.Join(s.dir, logName)); err == nil && len(names) > 0 {
		return nil
	}
	if _, err := s.options.FS.List(s.indexDir()); err != nil {
		return nil // what is wrong with the directory, if anything, opening finds
	}
	return &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf("%s has an index, and its log is gone: bring %s back, or remove both to begin anew", s.dir, filepath.Join(s.dir, logName))}
}

// makeDir makes the directory of a store, and makes sure that it stays: one that
// was there before may have been made by a process that died before it could.
func (s *Store) makeDir() error {
	fsys := s.options.FS
	if err := fsys.MkdirAll(s.dir); err != nil {
		return err
	}
	names, err := fsys.List(s.dir)
	if err != nil || slices.Contains(names, logName) {
		return err
	}
	s.options.Logger.Info("there is no store yet, a new one is made", "dir", s.dir)
	return fsys.SyncDir(filepath.Dir(s.dir))
}

// inspect refuses a path that holds something else, or, if there must be a store,
// nothing.
func (s *Store) inspect(must bool) error {
	names, err := s.options.FS.List(s.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !must:
		return nil
	case errors.Is(err, syscall.ENOTDIR):
		if file := s.fileAbove(); file != s.dir {
			return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%s is a file, so %s cannot be a directory with a store; name another", file, s.dir)}
		}
		return notOurs(s.dir + " is a file, and a store is a directory")
	case errors.Is(err, fs.ErrNotExist):
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "there is no store in " + s.dir, Cause: fs.ErrNotExist}
	case err != nil:
		return storeError(err, "looking at the directory of the store")
	case slices.Contains(names, logName):
		return nil
	case slices.Contains(names, rustName):
		return s.otherStore(filepath.Join(s.dir, rustName))
	}
	if err := s.checkLogIsThere(); err != nil {
		return err
	}
	foreign := slices.IndexFunc(names, isForeign)
	switch {
	case must:
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
	if _, err := s.options.FS.List(path); err == nil {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%s holds no store; did you mean %s?", s.dir, path)}
	}
	return notOurs(path + " is the store of another server")
}

// fileAbove gives what keeps the path of the store from being one: the file in
// the place of a directory.
func (s *Store) fileAbove() string {
	file := s.dir
	for parent := filepath.Dir(file); parent != file; parent = filepath.Dir(file) {
		if _, err := s.options.FS.List(parent); !errors.Is(err, syscall.ENOTDIR) {
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
	if !s.options.ReadOnly {
		if err := s.options.FS.MkdirAll(s.indexDir()); err != nil {
			return err
		}
	}
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
	names, err := s.options.FS.List(s.indexDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
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

// asideSuffix is added to the name of a directory that has the place of an index file.
const asideSuffix = ".aside"

// removeIndexFile removes a file of the index that is of no use. In a store that is
// only read it is passed over. A directory with files, which are not ours to remove,
// is renamed.
func (s *Store) removeIndexFile(name string) error {
	if s.options.ReadOnly {
		return nil
	}
	path := filepath.Join(s.indexDir(), name)
	err := s.options.FS.Remove(path)
	if errors.Is(err, fs.ErrExist) { // the directory is not empty
		err = s.options.FS.Rename(path, path+asideSuffix)
	}
	return err
}
