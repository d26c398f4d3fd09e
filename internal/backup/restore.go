package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/storedir"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Until is the point up to which a store is restored. The zero value is the end.
type Until struct {
	// Position is the position of the last event, 0 for no bound. It must exist.
	Position uint64
	// Time bounds the commit time of the groups; zero for no bound.
	Time time.Time
}

// covers reports whether a group, or the start of it, is before the point.
func (u Until) covers(g *eventlog.Group) bool {
	return u.Time.IsZero() || !u.before(g.Time)
}

// before reports whether the point is before the commit time of a group. It works for times
// that are not numbers of nanoseconds, before 1678 or after 2262.
func (u Until) before(commit int64) bool { return u.Time.Before(time.Unix(0, commit)) }

// reached reports whether the log needs no group after tail.
func (u Until) reached(tail eventlog.Tail) bool {
	return u.Position != 0 && tail.Next > u.Position
}

// passedBy reports whether a log that ends with tail has more than what is before the point.
func (u Until) passedBy(tail eventlog.Tail) bool {
	return u.Position != 0 && tail.Next > u.Position+1 || !u.Time.IsZero() && tail.Index > 0 && u.before(tail.Time)
}

// Backup is a source that has an end.
type Backup interface {
	Source
	// Head returns the position of the last event, 0 if there is none.
	Head(context.Context) (uint64, error)
}

// Place is a directory of a file system.
type Place struct {
	FS   vfs.FS
	Path string
}

// Restore makes a new store in a directory, which must not exist or be empty, from the
// groups of a source. A restore that was interrupted is continued if it is the same one,
// else started again. If the last position is within a group, a group with the records
// up to it replaces that group. The store is durable when Restore returns.
func Restore(ctx context.Context, source Backup, to Place, until Until, o *Options) (Summary, error) {
	head, err := source.Head(ctx)
	if err == nil && until.Position > head {
		err = &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the backup ends at position %d, before position %d", head, until.Position)}
	}
	if err != nil {
		return Summary{}, err
	}
	d, err := openDirectory(to.FS, to.Path, false)
	if err != nil {
		return Summary{}, err
	}
	r := restorer{directory: d, until: until, from: source, options: o}
	err = d.mustBeNew(storedir.RestoringName)
	if err == nil {
		err = d.lock(false)
	}
	if err == nil {
		err = r.run(ctx)
	}
	var summary Summary
	if r.copier != nil {
		summary = r.summary
	}
	return summary, errors.Join(err, asError(d.close(), "closing the directory "+to.Path))
}

// restorer makes a store in a directory.
type restorer struct {
	directory *directory
	until     Until
	from      Source
	options   *Options
	receiver  *eventlog.Receiver
	*copier   // to the receiver
}

func (r *restorer) run(ctx context.Context) error {
	if err := r.open(); err != nil {
		return err
	}
	err := r.restore(ctx)
	if errors.Is(err, dcb.ErrIntegrity) && r.receiver.Tail().Index > 0 {
		// What an interrupted restore has left is not the start of this one.
		if err = r.startAgain(); err == nil {
			err = r.restore(ctx)
		}
	}
	if err == nil && r.receiver.Tail().Index == 0 {
		err = &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the backup has no commit up to this point"}
	}
	if err != nil {
		return errors.Join(err, r.abandon())
	}
	return r.finish()
}

// abandon leaves what was copied for the next attempt. If nothing was, it leaves nothing.
func (r *restorer) abandon() (err error) {
	empty := false
	if r.receiver != nil {
		empty = r.receiver.Tail().Index == 0
		err = r.receiver.Close()
	}
	err = errors.Join(err, r.directory.closeLog())
	if empty && err == nil {
		err = errors.Join(r.directory.root.Remove(storedir.RestoringName), r.directory.root.Sync())
	}
	return asError(err, "ending the restore")
}

func (r *restorer) open() (err error) {
	if err := r.directory.openLog(storedir.RestoringName, true); err != nil {
		return err
	}
	if r.receiver, err = eventlog.OpenReceiver(r.directory.log); err != nil {
		return errors.Join(asError(err, "continuing an interrupted restore; remove "+r.directory.log.Path()), r.directory.closeLog())
	}
	r.copier = newCopier(r.from, r.receiver, r.options)
	return nil
}

// startAgain removes what an interrupted restore has left.
func (r *restorer) startAgain() error {
	err := r.receiver.Close()
	r.receiver = nil
	if err == nil {
		err = eventlog.RemoveCopy(r.directory.log)
	}
	if err != nil {
		return asError(err, "removing an interrupted restore")
	}
	receiver, err := eventlog.OpenReceiver(r.directory.log)
	if err != nil {
		return asError(err, "starting the restore again")
	}
	r.receiver = receiver
	r.copier.setTarget(r.receiver)
	return nil
}

// restore copies the groups up to the point.
func (r *restorer) restore(ctx context.Context) error {
	if r.until.passedBy(r.receiver.Tail()) {
		return &dcb.Error{Kind: dcb.ErrIntegrity, Detail: "an interrupted restore has gone further"}
	}
	if r.until.reached(r.receiver.Tail()) {
		return nil
	}
	return r.each(ctx, section{after: r.receiver.Tail().ID(), covers: r.until.covers, write: func(g *eventlog.Group) (bool, error) {
		err := r.add(g)
		return !r.until.reached(r.receiver.Tail()), err
	}})
}

func (r *restorer) add(g *eventlog.Group) error {
	if r.until.Position == 0 || g.Tail().Next <= r.until.Position+1 {
		return r.write(g, nil)
	}
	count := uint32(r.until.Position - g.First + 1)
	if err := r.receiver.WriteStart(g, startOf(g, r.until.Position), count); err != nil {
		return targetError(err)
	}
	r.summary.Groups++
	r.summary.Events += uint64(count)
	r.summary.Tail = r.receiver.Tail()
	return nil
}

// startOf returns the records of a group up to the event at a position.
func startOf(g *eventlog.Group, position uint64) []byte {
	for r, err := range record.StoredRecords(g.Payload, g.First, int(g.Count)) {
		if err == nil && r.Position == position {
			return g.Payload[:r.Offset+r.Size]
		}
	}
	return nil
}

// finish makes the store appear, durably.
func (r *restorer) finish() error {
	d := r.directory
	if err := errors.Join(r.receiver.Close(), d.closeLog()); err != nil {
		return asError(err, "finishing the restored log")
	}
	err := d.root.Rename(storedir.RestoringName, storedir.LogName)
	if err == nil {
		err = d.root.Sync()
	}
	return asError(err, "finishing the restored store")
}
