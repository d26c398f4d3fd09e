package cli

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/store"
)

// minDiskLimit is the least limit: a new store allocates space by the megabyte.
const minDiskLimit = 16 << 20

// diskFlags are the flags for the disk space of a server.
type diskFlags struct {
	max   sizeLimit
	file  string       // its first line is the limit; may be empty
	store *store.Store // whose limit reload changes
}

func (d *diskFlags) addFlags(flags *pflag.FlagSet) {
	d.max.text = "off"
	flags.Var(&d.max, "max-disk", "maximum size of the store on the disk, such as 100GiB; appends are refused before it takes more")
	flags.StringVar(&d.file, "max-disk-file", "", "`file` whose first line is the maximum size of the store on the disk; it may be changed while the server runs")
	excludes(flags, "max-disk", "max-disk-file")
}

// load sets the limit from the flags, or from the current content of the file.
func (d *diskFlags) load(flags *pflag.FlagSet) error {
	if !flags.Changed("max-disk-file") {
		return nil
	}
	if flags.Changed("max-disk") {
		return usageErrorf("--max-disk and --max-disk-file (or their environment variables) are both given: use only one")
	}
	text, err := firstLine(d.file, "maximum size", "--max-disk-file")
	if err != nil {
		return err
	}
	if err := d.max.Set(text); err != nil {
		return usageErrorf("the first line of the file %s is not a maximum size of the store: %w", d.file, err)
	}
	return nil
}

// reload loads the limit again, for the open store.
func (d *diskFlags) reload(flags *pflag.FlagSet) error {
	if err := d.load(flags); err != nil {
		return err
	}
	d.store.SetMaxDiskBytes(d.max.bytes)
	return nil
}

// sizeLimit is a flag: a number of bytes with a unit, or "off".
type sizeLimit struct {
	text  string
	bytes int64 // 0 if off
}

// String returns the limit as the user wrote it.
func (s *sizeLimit) String() string { return s.text }

// Type returns the possible values, for the help.
func (s *sizeLimit) Type() string { return "off|BYTES" }

// Set parses "off", or a number with a unit, as in 100GiB.
func (s *sizeLimit) Set(text string) (err error) {
	bytes := int64(0)
	if text != "off" {
		if bytes, err = parseBytes(text); err != nil {
			return err
		}
		if bytes < minDiskLimit {
			return errors.New("the minimum is 16MiB, and a number without a unit is in bytes: write 512MiB or 2GiB, for example")
		}
	}
	s.text, s.bytes = text, bytes
	return nil
}
