package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/storedir"
)

const (
	logName   = storedir.LogName
	indexName = storedir.IndexName
	// rustName is the name of a store file of the Rust server.
	rustName = "uma.db"
)

func (s *Store) indexDir() string { return filepath.Join(s.dir, indexName) }

// Open opens the store in a directory. It creates the directory if it does not exist,
// recovers the log by truncating an incomplete commit, and builds missing parts of the
// index. Options.ReadOnly and Options.MustExist change this.
func Open(dir string, options *Options) (*Store, error) {
	if options == nil || !options.ReadOnly {
		s := newStore(writing, dir, options)
		if err := s.openWritable(context.Background()); err != nil {
			return nil, err
		}
		return s, nil
	}
	s := newStore(reading, dir, options)
	if err := s.open(context.Background()); err != nil {
		return nil, err
	}
	if err := s.openReader(); err != nil {
		return nil, errors.Join(storeError(err, "opening the log of "+dir), s.free(false))
	}
	return s, nil
}

// openWritable opens a store for appends, or a standby. In shared mode, ctx ends requests to
// the shared log.
func (s *Store) openWritable(ctx context.Context) error {
	if err := s.open(context.Background()); err != nil {
		return err
	}
	if s.mode == following {
		if err := s.openMark(); err != nil {
			return errors.Join(err, s.free(false))
		}
	}
	if corruption := s.log.Corruption(); corruption != nil {
		return errors.Join(storeError(corruption, "opening the log of "+s.dir), s.free(false))
	}
	if s.shared != nil {
		if err := s.joinOrWait(ctx); err != nil {
			return errors.Join(err, s.free(false))
		}
		s.shared.logID = s.shared.mark.log // joining later verifies that it is the same
	}
	if err := s.openIndex(); err != nil {
		return errors.Join(storeError(err, "opening the index of "+s.dir), s.free(false))
	}
	s.openAnnouncer()
	s.start()
	return nil
}

func newStore(mode mode, dir string, options *Options) *Store {
	s := &Store{
		mode:    mode,
		options: options.withDefaults(),
		dir:     filepath.Clean(dir),
		failed:  make(chan struct{}),
		gate:    newGate(),
		closing: make(chan struct{}),
		closed:  make(chan struct{}),
		slots:   newSlots(),
		watches: newWatches(),
		commits: newCommitMetrics(),
	}
	s.records = index.NewOwner()
	for i := range s.reads {
		s.reads[i].init()
	}
	s.subscriptions.init()
	s.states.retire = s.retire
	s.disk.max.Store(s.options.MaxDiskBytes)
	s.background.init()
	return s
}

// open locks the directory and opens the log. When ctx is done, scans of the log end,
// later ones too.
func (s *Store) open(ctx context.Context) error {
	if err := s.options.validate(); err != nil {
		return err
	}
	s.cache = index.NewCache(s.options.CacheBytes)
	err := s.openDirectory(s.mode != writing || s.options.MustExist)
	if err == nil {
		err = storeError(s.openLog(ctx), "opening the log of "+s.dir)
	}
	if err != nil {
		return errors.Join(err, s.files.close())
	}
	if torn := s.log.Torn(); torn != nil && s.shared != nil {
		s.options.Logger.Info("the end of the log was unsound; it is read again from the shared log", "what", torn.String())
	} else if torn != nil && s.mode == writing {
		s.options.Logger.Warn("a crash left an incomplete commit, which was never acknowledged; it has been truncated", "what", torn.String())
	}
	s.hasher = index.NewHasher(s.log.ID())
	s.publish(s.log.OpenedEnd())
	s.states.change(func(*state) {})
	if err := s.files.openIndex(s.mode.readsOnly()); err != nil {
		return errors.Join(storeError(err, "opening the index of "+s.dir), s.free(false))
	}
	return nil
}

// explainPath returns the error for a path that cannot be opened as a directory.
func (s *Store) explainPath(err error) error {
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		if file := s.fileAbove(); file != s.dir {
			return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("cannot open store %s: %s is a file, not a directory; choose another path", s.dir, file)}
		}
		return notOurs(fmt.Sprintf("cannot open store %s: it is a file, and a store is a directory", s.dir))
	case errors.Is(err, fs.ErrNotExist):
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "there is no store in " + s.dir, Cause: fs.ErrNotExist}
	}
	return storeError(err, "opening the directory of the store")
}

// inspect returns an error if the directory contains files but no store, or, with
// mustExist, if it contains no store.
func (s *Store) inspect(names []string, mustExist bool) error {
	if slices.Contains(names, standbyName) {
		if err := s.refuseStandby(); err != nil {
			return err
		}
	}
	switch {
	case slices.Contains(names, logName):
		return nil
	case slices.Contains(names, rustName):
		return s.otherStore(filepath.Join(s.dir, rustName))
	}
	// Another process may be creating the store, so a file that is not among the names
	// may exist by now. Decide by the names only.
	if slices.Contains(names, indexName) {
		if err := s.checkLogIsNotLost(); err != nil {
			return err
		}
	}
	foreign := slices.IndexFunc(names, storedir.IsForeign)
	switch {
	case mustExist && !slices.Contains(names, storedir.RestoringName):
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: s.dir + " contains no store"}
	case slices.Contains(names, storedir.RestoringName):
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("cannot open store %s: it contains %s, which an incomplete umadb restore has left; run that command again", s.dir, storedir.RestoringName)}
	case foreign >= 0:
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("cannot create a store in %s: it contains %s, which is not part of a store; choose a new or an empty directory", s.dir, names[foreign])}
	}
	return nil
}

// otherStore returns the error for a directory that contains path, which is another
// store or the file of a Rust store.
func (s *Store) otherStore(path string) error {
	if dir, err := s.files.root.OpenDir(rustName); err == nil {
		_ = dir.Close()
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%s contains no store; did you mean %s?", s.dir, path)}
	}
	return notOurs(fmt.Sprintf("cannot create a store in %s: %s is the store of another server", s.dir, path))
}

// fileAbove returns the file that is in the path of the store where a directory is
// needed: the store's own path, or one of its parents.
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
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: what + "; if it was created by the Rust umadb, copy its events into a new directory with `umadb import --from URL`"}
}

// openIndex opens the existing blocks, builds the missing ones, and reads the groups
// after the last block into a head block.
func (s *Store) openIndex() error {
	spans, err := s.blockFiles()
	if err != nil {
		return err
	}
	c := indexOpener{store: s, builder: s.builder(flushTemp, nil), end: s.log.Start()}
	defer c.install()
	for _, span := range spans {
		if err := c.add(span); err != nil {
			return err
		}
	}
	return c.finish()
}

// blockFiles returns the groups of the block files, ordered by first group, and the
// largest first among those with the same first group. It removes incomplete files.
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
		} else if name == flushTemp || name == scrubTemp || isCompactTemp(name) {
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

// asideSuffix is appended to the name of a directory that has the name of an index file.
const asideSuffix = ".aside"

// removeIndexFile removes a file of the index. It does nothing in a read-only store. A
// directory that contains files is renamed instead, because these files are not part of
// the store.
func (s *Store) removeIndexFile(name string) error {
	if s.mode != writing && s.mode != following {
		return nil
	}
	err := s.files.index.Remove(name)
	if errors.Is(err, fs.ErrExist) { // the directory is not empty
		err = s.files.index.Rename(name, name+asideSuffix)
	}
	return err
}
