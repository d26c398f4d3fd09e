package cli_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/cli"
	"github.com/umadb-go/umadb/internal/store"
)

// runWithStdin runs a command with the given standard input.
func runWithStdin(stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Main(args, stdin, &out, &errs, extensions)
	return code, out.String(), errs.String()
}

// openStore opens a store, calls do, and closes the store.
func openStore(t *testing.T, dir string, do func(*store.Store)) {
	t.Helper()
	s, err := store.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	do(s)
}

// fillVaried fills a store with events and tracking that have all combinations of fields.
func fillVaried(t *testing.T, dir string) {
	t.Helper()
	web := func(position uint64) *dcb.TrackingInfo { return &dcb.TrackingInfo{Source: "web", Position: position} }
	appends := []struct {
		events   []dcb.Event
		tracking *dcb.TrackingInfo
	}{
		{nil, &dcb.TrackingInfo{Source: "before everything", Position: 0}},
		{[]dcb.Event{{}}, nil},
		{[]dcb.Event{{Type: "T", Tags: []string{"a", "a", "", "ü\u2028\x00\u009b"}, Data: []byte("text\nof \"lines\"\x1b[31m")}}, nil},
		{[]dcb.Event{{Data: []byte(`{"b":1, "a":[1.0,1e400,null]}`)}, {Data: []byte(` {"a":1}`)}, {Data: []byte(`{"a":1,"a":2}`)}}, web(3)},
		{nil, web(4)},
		{nil, web(5)},
		{nil, &dcb.TrackingInfo{Source: "ti\"ny\\\n", Position: 1<<64 - 1}},
		{[]dcb.Event{{Data: []byte{0xff, 0, 1}}, {Data: []byte(`"quoted"`)}, {Data: []byte("null")}, {Data: []byte("[\n1\r\n]")}}, nil},
		{[]dcb.Event{{UUID: "00000000-0000-4000-8000-00000000000a", Metadata: []dcb.Metadata{{Key: "z", Value: "1"}, {Key: "", Value: "\x7f"}, {Key: "a", Value: ""}}}}, web(6)},
		{[]dcb.Event{{Type: "Large", Data: bytes.Repeat([]byte("\x01 "), 200_000)}, {Type: "Nested", Data: []byte(strings.Repeat("[", 5000) + strings.Repeat("]", 5000))}}, nil},
		{[]dcb.Event{{Type: "Last"}}, web(7)},
		{nil, web(8)},
	}
	openStore(t, dir, func(s *store.Store) {
		for _, a := range appends {
			if _, err := s.Append(t.Context(), a.events, nil, a.tracking); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// export returns the export of a store.
func export(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := run(append([]string{"export"}, args...)...)
	if code != 0 || strings.Count(stderr, "\n") != 1 {
		t.Fatalf("export exits with %d: %s", code, stderr)
	}
	return stdout
}

// newVariedStore creates a store with fillVaried, and returns it with its export.
func newVariedStore(t *testing.T) (dir, lines string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "source")
	fillVaried(t, dir)
	return dir, export(t, "--db-path", dir)
}

func TestImportSkipsByteOrderMark(t *testing.T) {
	_, lines := newVariedStore(t)
	copied := filepath.Join(t.TempDir(), "copy")
	if code, _, stderr := runWithStdin(strings.NewReader("\uFEFF"+lines), "import", "--db-path", copied); code != 0 {
		t.Fatal(stderr)
	}
	if got := export(t, "--db-path", copied); got != lines {
		t.Error("the export of the copy differs")
	}
}

// The only checksum of an uncompressed export is in its end line.
func TestImportDetectsCorruption(t *testing.T) {
	_, lines := newVariedStore(t)
	corrupt := strings.Replace(lines, `"Last"`, `"Lost"`, 1)
	copied := filepath.Join(t.TempDir(), "copy")
	code, _, stderr := runWithStdin(strings.NewReader(corrupt), "import", "--db-path", copied)
	wantError(t, code, stderr, 1, "checksum mismatch", "nothing was added")
	if code, stdout, _ := run("head", "--db-path", copied); code != 0 || stdout != "0\n" {
		t.Errorf("the head is %s", stdout)
	}
	body, _, _ := strings.Cut(corrupt, `{"end"`)
	if code, _, stderr := runWithStdin(strings.NewReader(body+`{"end":{"head":13}}`), "import", "--db-path", copied); code != 0 {
		t.Errorf("without a checksum: %s", stderr)
	}
}

func TestImportDetectsCorruptionAfterWriting(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source")
	fillMany(t, source, 10_000)
	corrupt := strings.Replace(export(t, "--db-path", source), `"n:5000"`, `"n:5555"`, 1)
	code, _, stderr := runWithStdin(strings.NewReader(corrupt), "import", "--db-path", filepath.Join(t.TempDir(), "copy"))
	wantError(t, code, stderr, 1, "checksum mismatch", "empty directory", "added before the error was detected: ")
}

func TestImportRestoresExport(t *testing.T) {
	dir, lines := newVariedStore(t)
	folder := t.TempDir()
	for name, args := range map[string][]string{
		"plain":      {"--output", filepath.Join(folder, "plain.ndjson")},
		"compressed": {"--output", filepath.Join(folder, "small.ndjson.zst")},
		"flag":       {"--output", filepath.Join(folder, "flag"), "--zstd"},
	} {
		t.Run(name, func(t *testing.T) {
			export(t, append(args, "--db-path", dir)...)
			copied := filepath.Join(t.TempDir(), "copy")
			code, stdout, stderr := run("import", args[1], "--db-path", copied, "--json")
			if code != 0 || !strings.Contains(stdout, `{"existing":0,"imported":13,"tracking":5,"head":13,"seconds":`) || !strings.Contains(stderr, "imported 13 events and 5 tracking positions") {
				t.Fatalf("import exits with %d: %s%s", code, stdout, stderr)
			}
			if got := export(t, "--db-path", copied); got != lines {
				t.Errorf("the export of the copy is\n%.2000s\nwant\n%.2000s", got, lines)
			}
			if code, stdout, stderr = run("import", args[1], "--db-path", copied, "--json"); code != 0 || !strings.Contains(stdout, `{"existing":13,"imported":0,"tracking":0,"head":13`) {
				t.Errorf("importing again exits with %d: %s%s", code, stdout, stderr)
			}
			if code, _, stderr = run("check", "--db-path", copied); code != 0 {
				t.Errorf("check exits with %d: %s", code, stderr)
			}
		})
	}
}

func TestImportedStoreReadsLikeItsSource(t *testing.T) {
	dir, lines := newVariedStore(t)
	copied := filepath.Join(t.TempDir(), "copy")
	if code, _, stderr := runWithStdin(strings.NewReader(lines), "import", "--db-path", copied); code != 0 {
		t.Fatal(stderr)
	}
	results := func(dir string) (all []string) {
		openStore(t, dir, func(s *store.Store) {
			for _, query := range []dcb.Query{
				{}, {Items: []dcb.QueryItem{{Types: []string{"T", "Last"}}}},
				{Items: []dcb.QueryItem{{Tags: []string{"a"}}}}, {Items: []dcb.QueryItem{{Types: []string{"no"}}}},
			} {
				events, head, err := s.Read(t.Context(), query, dcb.ReadOptions{Backwards: true}).Collect()
				for i := range events {
					all = append(all, fmt.Sprintf("%+v %+v", events[i], events[i].Tracking))
				}
				all = append(all, fmt.Sprint(head, err))
			}
			for _, source := range []string{"web", "before everything", "ti\"ny\\\n", "none"} {
				all = append(all, fmt.Sprint(s.GetTrackingInfo(t.Context(), source)))
			}
		})
		for i, text := range all { // pointers differ
			if at := strings.Index(text, "Tracking:0x"); at > 0 {
				all[i] = text[:at] + text[at+strings.IndexByte(text[at:], '}'):]
			}
		}
		return all
	}
	want := results(dir)
	for i, got := range results(copied) {
		if got != want[i] {
			t.Errorf("result %d is\n%.500s\nwant\n%.500s", i, got, want[i])
		}
	}
}

func TestImportContinuesAfterEachLine(t *testing.T) {
	_, lines := newVariedStore(t)
	for n, all := 1, strings.SplitAfter(lines, "\n"); n < len(all)-1; n++ {
		copied := filepath.Join(t.TempDir(), "copy")
		prefix := strings.Join(all[:n], "") + all[n][:len(all[n])/2]
		code, _, stderr := runWithStdin(strings.NewReader(prefix), "import", "--db-path", copied)
		wantError(t, code, stderr, 1, "the export is incomplete", "run the same command with the complete export to continue")
		code, _, stderr = runWithStdin(strings.NewReader(lines), "import", "--db-path", copied)
		if code != 0 {
			t.Fatalf("after %d lines: %s", n, stderr)
		}
		if got := export(t, "--db-path", copied); got != lines {
			t.Fatalf("after %d lines the export is\n%.2000s\nwant\n%.2000s", n, got, lines)
		}
	}
}

func TestImportRejectsDifferentHistory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "source")
	openStore(t, dir, func(s *store.Store) {
		for i := range uint64(3) {
			event := dcb.Event{Type: "Type1", Tags: []string{"tag1", "tag2"}, Data: []byte("data1"), UUID: "00000000-0000-4000-8000-000000000001", Metadata: []dcb.Metadata{{Key: "key1", Value: "value1"}}}
			if _, err := s.Append(t.Context(), []dcb.Event{event}, nil, &dcb.TrackingInfo{Source: "source1", Position: 10 + i}); err != nil {
				t.Fatal(err)
			}
		}
	})
	lines := export(t, "--db-path", dir)
	all := strings.SplitAfter(lines, "\n")
	for name, c := range map[string]struct{ source, want string }{
		"type":              {edit(all, 1, "Type1", "Type2"), "they differ in the type of position 2"},
		"tag":               {edit(all, 1, "tag2", "tag3"), "they differ in the tags of position 2"},
		"missing tag":       {edit(all, 1, `,"tag2"`, ""), "they differ in the tags of position 2"},
		"UUID":              {edit(all, 1, "001\"", "002\""), "they differ in the UUID of position 2"},
		"missing UUID":      {edit(all, 1, `"uuid":"00000000-0000-4000-8000-000000000001",`, ""), "they differ in the UUID of position 2"},
		"metadata key":      {edit(all, 1, "key1", "key2"), "they differ in the metadata of position 2"},
		"metadata value":    {edit(all, 1, "value1", "value2"), "they differ in the metadata of position 2"},
		"tracking source":   {edit(all, 1, "source1", "source2"), "they differ in the tracking of position 2"},
		"tracking position": {edit(all, 1, `:11}`, `:12}`), "they differ in the tracking of position 2"},
		"data":              {edit(all, 1, "data1", "data2"), "they differ in the data of position 2"},
		"missing data":      {edit(all, 1, `,"data":"data1"`, ""), "they differ in the data of position 2"},
		"last event":        {edit(all, 2, "data1", "data2"), "they differ in the data of position 3"},
		"shorter source":    {all[0] + `{"end":{"head":1}}`, "the store is longer than the source"},
		"empty source":      {`{"end":{"head":0}}`, "the store is longer than the source"},
		"new tracking, then a difference": {
			`{"tracking":{"source":"new","position":1}}` + "\n" + edit(all, 2, "data1", "data2"), "they differ in the data of position 3",
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := runWithStdin(strings.NewReader(c.source), "import", "--db-path", dir)
			wantError(t, code, stderr, 3, c.want, "nothing was added")
			if got := export(t, "--db-path", dir); got != lines {
				t.Errorf("the store changed to\n%s", got)
			}
		})
	}
}

// edit replaces text in one line, and joins the lines.
func edit(lines []string, n int, from, to string) string {
	edited := append([]string{}, lines...)
	edited[n] = strings.Replace(edited[n], from, to, 1)
	return strings.Join(edited, "")
}

func TestImportOfInvalidSource(t *testing.T) {
	const first, second = `{"position":1,"data":"x"}` + "\n", `{"position":2}` + "\n"
	for name, c := range map[string]struct {
		source string
		head   int // of the store after the import; -1 if there must be no store
		want   string
	}{
		"empty":                 {"", -1, "nothing to import"},
		"not an export":         {"Dear Sir,\n", -1, "line 1: invalid JSON"},
		"line without position": {`{"type":"T"}` + "\n", -1, "line 1: it has no position"},
		"gzip":                  {"\x1f\x8b\x08\x00", -1, `compressed with gzip: decompress it first, as in "gzip -dc FILE | umadb import"`},
		"xz":                    {"\xfd7zXZ\x00\x00", -1, `compressed with xz: decompress it first, as in "xz -dc FILE | umadb import"`},
		"UTF-16":                {"\xff\xfe{\x00\"\x00", -1, `UTF-16, as Windows PowerShell writes it, and not UTF-8: convert it first, as in "iconv -f UTF-16 -t UTF-8 FILE | umadb import"`},
		"invalid JSON later":    {first + "Dear Sir,\n", 1, "line 2: invalid JSON"},
		"empty line":            {first + "\n" + second, 1, "line 2: invalid JSON"},
		"gap":                   {first + `{"position":3}` + "\n", 1, "position 3 instead of 2"},
		"duplicate position":    {first + first, 1, "position 1 instead of 2"},
		"missing first event":   {second, 0, "position 2 instead of 1"},
		"no end":                {first + second, 2, "incomplete"},
		"torn end":              {first + second + `{"end":`, 2, "incomplete"},
		"end too early":         {first + `{"end":{"head":2}}`, 1, "should end at position 2"},
		"end too late":          {first + second + `{"end":{"head":1}}`, 2, "should end at position 1"},
		"data after the end":    {first + `{"end":{"head":1}}` + "\n" + second, 1, "line 3: there is data after the end line"},
		"end with an event":     {first + `{"position":2,"end":{"head":2}}`, 1, "line 2: it has an end and other fields"},
		"unknown field":         {first + `{"position":2,"color":"red"}` + "\n", 1, "line 2: unknown field /color"},
		"field with a newline":  {first + `{"position":2,"a\nb":1}` + "\n", 1, `line 2: unknown field "/a\nb"`},
		"long source name":      {first + `{"tracking":{"source":"` + strings.Repeat("x", 256) + `","position":1}}` + "\n", 1, "255"},
		"invalid event":         {first + `{"position":2,"uuid":"none"}` + "\n", 0, "position 2 cannot be stored"},
		"decreasing tracking":   {`{"position":1,"tracking":{"source":"w","position":5}}` + "\n" + `{"position":2,"tracking":{"source":"w","position":4}}` + "\n", 0, "tracking"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "copy")
			code, _, stderr := runWithStdin(strings.NewReader(c.source), "import", "--db-path", dir)
			want := 1
			if name == "decreasing tracking" {
				want = 3
			}
			wantError(t, code, stderr, want, c.want)
			code, stdout, _ := run("head", "--db-path", dir)
			if c.head < 0 {
				if _, err := os.Stat(dir); err == nil {
					t.Error("it created a store")
				}
			} else if stdout != fmt.Sprintln(c.head) {
				t.Errorf("the head is %q (%d), want %d", stdout, code, c.head)
			}
		})
	}
}
