package browsertest_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// million is the number of events in the store of the benchmark.
const million = 1_000_000

// fillMillion makes the store of the benchmark of the console, in a few seconds, and returns its
// directory. Tests use copies of it.
var fillMillion = sync.OnceValues(func() (dir string, err error) {
	dir = filepath.Join(temporary, "million.db")
	fill := exec.Command("go", "run", "github.com/umadb-go/umadb/bench/console", "-fill", "-dir", dir, "-events", strconv.Itoa(million))
	if output, err := fill.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot make the store of the benchmark: %w\n%s", err, output)
	}
	return dir, nil
})

// serveMillion starts our server with a console and a store of a million events.
func serveMillion(t *testing.T, flags ...string) *site {
	t.Helper()
	needBrowser(t)
	filled, err := fillMillion()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "uma.db")
	if err := os.CopyFS(dir, os.DirFS(filled)); err != nil {
		t.Fatal(err)
	}
	return serveDirectory(t, dir, flags...)
}

// addContent adds what only a server that runs has, so that every page has content: rejections and a
// subscription. The odd events must have been appended after the position.
func (s *site) addContent(t *testing.T, after uint64) {
	t.Helper()
	enrolled := dcb.QueryItem{Types: []string{"StudentEnrolled"}, Tags: []string{"course:c0"}}
	s.reject(t, dcb.Event{Type: "StudentEnrolled", Tags: []string{"course:c0", "student:s1"}}, after/2, enrolled)
	for _, text := range hostile {
		item := dcb.QueryItem{Types: []string{text, "Other"}, Tags: []string{text}}
		s.reject(t, dcb.Event{Type: text, Tags: []string{text}}, after, enrolled, item)
	}
	_, err := s.store.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: "upstream-0", Position: 1})
	if !errors.Is(err, dcb.ErrIntegrity) {
		t.Fatalf("an append with an old tracking position returned %v", err)
	}
	go func() {
		query := dcb.Query{Items: []dcb.QueryItem{enrolled, {Types: hostile[:1], Tags: hostile[:3]}}}
		for range s.store.Subscribe(t.Context(), query, 0) {
		}
	}()
}

// reject appends an event on a condition that events break.
func (s *site) reject(t *testing.T, event dcb.Event, after uint64, items ...dcb.QueryItem) {
	t.Helper()
	condition := &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: items}, After: after}
	if _, err := s.store.Append(t.Context(), []dcb.Event{event}, condition, nil); !errors.Is(err, dcb.ErrIntegrity) {
		t.Fatalf("the append was not rejected: %v", err)
	}
}
