package eventlog

import (
	"errors"

	"github.com/umadb-go/umadb/internal/vfs"
)

// TruncateTail truncates the last segment to the end of its last valid group. What follows
// must have been kept elsewhere.
func (i *Inspection) TruncateTail() error {
	last := &i.files[len(i.files)-1]
	end := last.End
	i.known.Index = min(i.known.Index, end.Tail.Index)
	if i.copying != nil && *i.copying > end.Tail.Index {
		if err := i.require(end.Tail.Index); err != nil {
			return err
		}
	}
	file, err := i.log.dir.OpenWrite(segmentName(last.Base))
	if err != nil {
		return err
	}
	if err := errors.Join(truncateFile(file, end.Offset), file.Close()); err != nil {
		return err
	}
	return i.inspectAgain(last.Base)
}

// require sets the durable group of a log that is a copy and was being written. The groups
// after it can then be removed.
func (i *Inspection) require(durable uint64) error {
	file, err := i.log.createCopying(durable)
	if err != nil {
		return err
	}
	*i.copying = durable
	return file.Close()
}

// truncateFile removes everything after end, adds padding of zeros, and makes that durable.
func truncateFile(file vfs.File, end int64) error {
	if err := file.Truncate(end); err != nil {
		return err
	}
	return vfs.TruncateFile(file, end+paddingBytes)
}
