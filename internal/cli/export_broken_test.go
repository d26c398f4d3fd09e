package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventtable/parquet"
)

// stalled is a store that stops responding after its first event.
type stalled struct {
	dcb.EventStore
	responded func()
}

func (s stalled) Head(context.Context) (uint64, error) { return 2, nil }

func (s stalled) Read(ctx context.Context, _ dcb.Query, _ dcb.ReadOptions) *dcb.ReadResponse {
	batches := 0
	return dcb.NewReadResponse(func() ([]dcb.SequencedEvent, uint64, error) {
		if batches++; batches == 1 {
			return []dcb.SequencedEvent{{Position: 1}}, 2, nil
		}
		s.responded()
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}, func() {})
}

func TestInterruptedTableLeavesNoFile(t *testing.T) {
	for _, format := range []string{formatCSV, formatParquet} {
		ctx, interrupt := context.WithCancel(t.Context())
		folder := t.TempDir()
		parts := 0
		s := stalled{responded: func() {
			left, _ := os.ReadDir(folder)
			parts = len(left)
			interrupt()
		}}
		o := exportOptions{output: filepath.Join(folder, "events"), format: formatFlag{format, parquet.New}}
		cmd := &cobra.Command{}
		o.table.addFlags(cmd.Flags())
		err := asInterrupted(ctx, o.export(ctx, cmd, s))
		if !errors.Is(err, errInterrupted) || parts != 1 {
			t.Errorf("%s: the export returns %v, with %d temporary files", format, err, parts)
		}
		if left, _ := os.ReadDir(folder); len(left) > 0 {
			t.Errorf("%s: files left: %v", format, left)
		}
	}
}

// shortened is a store whose response ends before its head, as that of a server that stops may.
type shortened struct{ dcb.EventStore }

func (shortened) Head(context.Context) (uint64, error) { return 3, nil }

func (shortened) Read(_ context.Context, _ dcb.Query, options dcb.ReadOptions) *dcb.ReadResponse {
	events := []dcb.SequencedEvent{{Position: 1}, {Position: 2}}
	if options.Start != nil {
		events = events[min(*options.Start, 3)-1:]
	}
	ended := false
	return dcb.NewReadResponse(func() ([]dcb.SequencedEvent, uint64, error) {
		if ended {
			return nil, 0, io.EOF
		}
		ended = true
		return events, 3, nil
	}, func() {})
}

func TestTableMustReachTheHead(t *testing.T) {
	for _, c := range []struct {
		flags []string
		fails bool
	}{
		{nil, true},
		{[]string{"--start", "2"}, true},
		{[]string{"--after", "2"}, true},
		{[]string{"--after", "4"}, false},
		{[]string{"--after", "3"}, false},
		{[]string{"--limit", "2"}, false},
		{[]string{"--type", "T"}, false},
	} {
		o := exportOptions{output: filepath.Join(t.TempDir(), "events"), format: formatFlag{name: formatCSV}}
		cmd := &cobra.Command{}
		o.table.addFlags(cmd.Flags())
		if err := cmd.ParseFlags(c.flags); err != nil {
			t.Fatal(err)
		}
		cmd.SetErr(io.Discard)
		if err := o.export(t.Context(), cmd, shortened{}); (err != nil) != c.fails {
			t.Errorf("with %q, the export returns %v", c.flags, err)
		}
	}
}
