package compressed_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/compressed"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/sharedlog/logtest"
)

func TestConformance(t *testing.T) {
	logtest.Run(t, func(logtest.T) func() sharedlog.Log {
		e := fakelog.New(fakelog.Options{})
		return func() sharedlog.Log { return compressed.New(e.Connect()) }
	}, logtest.Options{Virtual: true})
}

// text returns n bytes that can be compressed.
func text(n int) []byte { return bytes.Repeat([]byte("event "), n/6+1)[:n] }

// noise returns n bytes that cannot be compressed.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// newLogs returns a compressed log, and the log below it.
func newLogs(t testing.TB) (*compressed.Log, *fakelog.Client) {
	t.Helper()
	inner := fakelog.New(fakelog.Options{MaxRecord: 1 << 20}).Connect()
	if _, err := inner.Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{1}}); err != nil {
		t.Fatal(err)
	}
	return compressed.New(inner), inner
}

func TestRecordsAreReadAsTheyWereAppended(t *testing.T) {
	log, inner := newLogs(t)
	last := sharedlog.Point{}
	rapid.Check(t, func(t *rapid.T) {
		record := rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.Map(rapid.IntRange(0, log.MaxRecord()), text),
			rapid.Map(rapid.IntRange(0, log.MaxRecord()), noise),
		).Draw(t, "record")
		kept := bytes.Clone(record)
		next := sharedlog.Point{Index: last.Index + 1, Chain: last.Chain + 7}
		if err := log.Append(context.Background(), last, next.Chain, record); err != nil {
			t.Fatal(err)
		}
		last = next
		stored, _ := inner.Read(context.Background(), last.Index)
		records, err := log.Read(context.Background(), last.Index)
		switch {
		case err != nil || len(records) != 1 || !bytes.Equal(records[0].Bytes, kept) || !bytes.Equal(record, kept):
			t.Fatalf("read %d records, %v", len(records), err)
		case len(stored[0].Bytes) > len(record)+1:
			t.Fatalf("a record of %d bytes is stored in %d", len(record), len(stored[0].Bytes))
		}
	})
}

func TestTextIsCompressed(t *testing.T) {
	log, inner := newLogs(t)
	if err := log.Append(t.Context(), sharedlog.Point{}, 1, text(10_000)); err != nil {
		t.Fatal(err)
	}
	if stored, err := inner.Read(t.Context(), 1); err != nil || len(stored[0].Bytes) > 1000 {
		t.Errorf("10,000 bytes of text are stored in %d, %v", len(stored[0].Bytes), err)
	}
}

// An answer has a bounded size, although its records were small where they are stored. It has
// most of what the log has sent, which would be sent again.
func TestReadIsBounded(t *testing.T) {
	log, _ := newLogs(t)
	for i := range uint64(20) {
		if err := log.Append(t.Context(), sharedlog.Point{Index: i, Chain: i}, i+1, text(log.MaxRecord())); err != nil {
			t.Fatal(err)
		}
	}
	size := 0
	records, err := log.Read(t.Context(), 1)
	for _, r := range records {
		size += len(r.Bytes)
	}
	if least := 4 * sharedlog.ReadBytes; err != nil || size > least+log.MaxRecord() || size < least {
		t.Errorf("%d records of %d bytes, over %d: %v", len(records), size, least, err)
	}
}

// A store whose log has a higher limit, as while it is raised on one server after the other, can
// append larger records.
func TestRecordsOfStoresWithAHigherLimitAreRead(t *testing.T) {
	low, inner := newLogs(t)
	record := text(low.MaxRecord() + 1000)
	higher := compressed.New(highLimit{inner})
	if err := higher.Append(t.Context(), sharedlog.Point{}, 1, record); err != nil {
		t.Fatal(err)
	}
	if records, err := low.Read(t.Context(), 1); err != nil || len(records) != 1 || !bytes.Equal(records[0].Bytes, record) {
		t.Errorf("read %d records, %v", len(records), err)
	}
}

// highLimit is a log with a higher limit.
type highLimit struct{ sharedlog.Log }

func (h highLimit) MaxRecord() int { return 2 * h.Log.MaxRecord() }

func TestReadRefusesOtherRecords(t *testing.T) {
	log, inner := newLogs(t)
	if err := log.Append(t.Context(), sharedlog.Point{}, 1, text(10_000)); err != nil {
		t.Fatal(err)
	}
	stored, err := inner.Read(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	frame := stored[0].Bytes
	last := sharedlog.Point{Index: 1, Chain: 1}
	for name, c := range map[string]struct {
		stored []byte
		want   error
	}{
		"nothing":         {nil, sharedlog.ErrCorrupt},
		"an unknown form": {[]byte{2, 0}, sharedlog.ErrVersion},
		"no frame":        {[]byte{1}, sharedlog.ErrCorrupt},
		"half a frame":    {frame[:len(frame)/2], sharedlog.ErrCorrupt},
		"two frames":      {append(bytes.Clone(frame), frame[1:]...), sharedlog.ErrCorrupt},
	} {
		next := sharedlog.Point{Index: last.Index + 1, Chain: 1}
		if err := inner.Append(t.Context(), last, next.Chain, c.stored); err != nil {
			t.Fatal(err)
		}
		last = next
		if records, err := log.Read(t.Context(), last.Index); !errors.Is(err, c.want) || records != nil {
			t.Errorf("%s: read %d records, %v", name, len(records), err)
		}
	}
	// The records before one that cannot be read are returned.
	if records, err := log.Read(t.Context(), 1); len(records) != 1 || err != nil {
		t.Errorf("read %d records, %v", len(records), err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(append([]byte{0}, text(10)...))
	f.Add(append([]byte{1}, text(100)...))
	log, inner := newLogs(f)
	if err := log.Append(f.Context(), sharedlog.Point{}, 1, text(1000)); err != nil {
		f.Fatal(err)
	}
	if stored, err := inner.Read(f.Context(), 1); err == nil {
		f.Add(stored[0].Bytes)
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		log, inner := newLogs(t)
		if err := inner.Append(t.Context(), sharedlog.Point{}, 1, stored); err != nil {
			t.Skip()
		}
		records, err := log.Read(t.Context(), 1)
		if (err == nil) != (len(records) == 1) || err == nil && len(records[0].Bytes) > 32<<20 {
			t.Errorf("read %d records, %v", len(records), err)
		}
	})
}
