package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventtable"
	"github.com/umadb-go/umadb/internal/selection"
	"github.com/umadb-go/umadb/internal/transfer"
)

// The formats of an export.
const (
	formatLines   = "ndjson"
	formatCSV     = "csv"
	formatParquet = "parquet"
)

// formatFlag is the format of an export. The other formats than lines of JSON are tables.
type formatFlag struct {
	name    string
	parquet eventtable.Create // nil if the program does not write Parquet
}

// Set sets the format.
func (f *formatFlag) Set(name string) error {
	if !slices.Contains([]string{formatLines, formatCSV, formatParquet}, name) {
		return errors.New("it must be ndjson, csv or parquet")
	}
	f.name = name
	return nil
}

// String returns the name of the format.
func (f *formatFlag) String() string { return f.name }

// Type returns the placeholder of the value in the help.
func (f *formatFlag) Type() string { return "name" }

// choose chooses the format by the name of the output file, unless the flag is given.
func (f *formatFlag) choose(output string) {
	if f.name != "" {
		return
	}
	f.name = formatLines
	switch strings.ToLower(filepath.Ext(strings.TrimSuffix(output, ".zst"))) {
	case ".csv":
		f.name = formatCSV
	case ".parquet":
		f.name = formatParquet
	}
}

// tableFlags are the flags that select the events of a table.
type tableFlags struct {
	query        queryFlags
	start, after uint64
	limit        uint32
}

func (t *tableFlags) addFlags(f *pflag.FlagSet) {
	t.query.addFlags(f)
	f.Uint64Var(&t.start, "start", 0, "`position` to start at")
	f.Uint64Var(&t.after, "after", 0, "`position` to start after")
	f.Uint32Var(&t.limit, "limit", 0, "maximum `number` of events")
	perCall(f, "start", "after", "limit")
}

// reject rejects the flags for an export as lines of JSON, which is a whole store.
func (t *tableFlags) reject(flags *pflag.FlagSet) error {
	for _, name := range []string{"type", "tag", "item", "start", "after", "limit"} {
		if flags.Changed(name) {
			return usageErrorf("--%s is for exports with --format csv or parquet: as lines of JSON, the whole store is exported; umadb read --json prints a part of it", name)
		}
	}
	return nil
}

// rows returns the exporter of a table.
func (o *exportOptions) rows(ctx context.Context, flags *pflag.FlagSet, s dcb.EventStore, part selection.Positions) exporter {
	options := dcb.ReadOptions{Limit: givenLimit(flags, &o.table.limit)}
	switch {
	case flags.Changed("start"):
		options.Start = &o.table.start
	case flags.Changed("after"):
		options.Start = startAfter(o.table.after)
	}
	query := o.table.query.query()
	whole := len(query.Items) == 0 && options.Limit == nil && !o.recorded.given()
	return func(w io.Writer, progress func(uint64)) (uint64, error) {
		out, err := transfer.NewOutput(w, o.zstd)
		if err != nil {
			return 0, err
		}
		create := eventtable.NewCSV
		if o.format.name == formatParquet {
			create = o.format.parquet
		}
		to, err := create(out)
		if err != nil {
			return 0, err
		}
		response := part.Read(ctx, s, query, options)
		events, last, err := writeRows(to, response, progress)
		if err == nil && whole {
			err = wantHead(response, options.Start, last)
		}
		if err == nil {
			err = to.Close()
		}
		if err == nil {
			err = out.Flush()
		}
		return events, err
	}
}

// writeRows writes the events of a response to a table. It returns their number, and the position of
// the last one.
func writeRows(to eventtable.Writer, response *dcb.ReadResponse, progress func(uint64)) (count, last uint64, err error) {
	defer response.Close()
	for {
		events, err := response.NextBatch()
		if errors.Is(err, io.EOF) {
			return count, last, nil
		}
		if err != nil {
			return count, last, err
		}
		for i := range events {
			if err := to.Write(&events[i]); err != nil {
				return count, last, err
			}
			last = events[i].Position
		}
		count += uint64(len(events))
		progress(last)
	}
}

// wantHead returns an error if a response that should have all events from a position on ended
// before its head.
func wantHead(response *dcb.ReadResponse, start *uint64, last uint64) error {
	head, err := response.Head()
	if err != nil || last == head || last == 0 && start != nil && *start > head {
		return err
	}
	return fmt.Errorf("the server's response ends at position %d, but its head is %d; run the command again", last, head)
}
