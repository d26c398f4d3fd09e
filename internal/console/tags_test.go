package console_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
)

type shownTags struct {
	All      uint64
	Prefixes []struct {
		Prefix string
		Tags   uint64
		About  bool
		Top    []dcb.TermCount
	}
	Missing bool
}

type shownTypes struct {
	Types   []dcb.TermCount
	All     uint64
	Missing bool
}

func TestTypes(t *testing.T) {
	s := newSite(t)
	for i := range 60 {
		s.append(dcb.Event{Type: fmt.Sprint("T", i)}, dcb.Event{Type: "<b>"})
	}
	var have shownTypes
	s.json("/types.json", &have)
	if len(have.Types) != 50 || have.All != 61 || have.Types[0] != (dcb.TermCount{Name: "<b>", Events: 60}) {
		t.Errorf("the types are %+v", have)
	}
	if lines := strings.Split(s.get("/types.csv", 200), "\n"); lines[0] != "type,events" || lines[1] != "<b>,60" {
		t.Errorf("the CSV is %q", lines)
	}
	if shown := s.texts("/types", "type"); len(shown) != 50 || shown[0] != "<b>" {
		t.Errorf("the page shows %q", shown)
	}
}

func TestTagsByPrefix(t *testing.T) {
	s := newSite(t)
	for i := range 12 {
		tags := []string{fmt.Sprint("student:", i), fmt.Sprint("course:", i%3)}
		if i == 0 {
			tags = append(tags, "plain")
		}
		s.append(dcb.Event{Type: "A", Tags: tags})
	}
	s.append(dcb.Event{Type: "B", Tags: []string{"course:2"}})
	var have shownTags
	s.json("/tags.json", &have)
	if have.All != 16 || len(have.Prefixes) != 3 {
		t.Fatalf("the tags are %+v", have)
	}
	for i, want := range []struct {
		prefix string
		tags   uint64
		top    dcb.TermCount
	}{
		{"student:", 12, dcb.TermCount{Name: "student:0", Events: 1}},
		{"course:", 3, dcb.TermCount{Name: "course:2", Events: 5}},
		{"", 1, dcb.TermCount{Name: "plain", Events: 1}},
	} {
		if p := have.Prefixes[i]; p.Prefix != want.prefix || p.Tags != want.tags || p.About || p.Top[0] != want.top {
			t.Errorf("prefix %d is %+v, want %+v", i, p, want)
		}
	}
	if lines := strings.Split(strings.TrimSpace(s.get("/tags.csv", 200)), "\n"); len(lines) != 1+5+3+1 || lines[1] != "student:,12,student:0,1" {
		t.Errorf("the CSV is %q", lines)
	}
}

// A prefix leads to the list of the tags that start with it.
func TestTagsOfAPrefix(t *testing.T) {
	s := newSite(t)
	for i := range 600 {
		s.append(dcb.Event{Type: "A", Tags: []string{fmt.Sprint("student:", i), fmt.Sprint("course:", i%7)}})
	}
	if links := s.links("/tags"); !slices.Contains(links, "/tags?prefix=course%3A") || !slices.Contains(links, "/tags?prefix=student%3A") {
		t.Errorf("the links are %q", links)
	}
	for prefix, want := range map[string]struct{ all, listed int }{"course:": {7, 7}, "student:": {600, 500}, "student:1": {111, 111}, "absent:": {0, 0}} {
		var have struct {
			All  int
			Tags []dcb.TermCount
		}
		s.json("/tags.json?prefix="+prefix, &have)
		if have.All != want.all || len(have.Tags) != want.listed {
			t.Errorf("%s: %d tags, of which %d are listed, want %+v", prefix, have.All, len(have.Tags), want)
		}
		if lines := strings.Count(s.get("/tags.csv?prefix="+prefix, http.StatusOK), "\n"); lines != 1+want.listed {
			t.Errorf("%s: the CSV has %d lines", prefix, lines)
		}
		if shown := s.texts("/tags?prefix="+prefix, "tag"); len(shown) != want.listed {
			t.Errorf("%s: the page has %d tags", prefix, len(shown))
		}
	}
	links := s.links("/tags?prefix=course:")
	for _, link := range []string{"/browse?tag=course%3A0", "/graph?tag=course%3A6", "/tags"} {
		if !slices.Contains(links, link) {
			t.Errorf("no link leads to %s: %q", link, links)
		}
	}
}

// A key with tag prefixes can list the tags of one, and is asked for it.
func TestTagsWithLimitedKey(t *testing.T) {
	s := newLimitedSite(t, server.Key{Rights: server.RightRead, TagPrefixes: []string{"tenant:1:"}})
	s.tenants()
	if page := s.get("/tags", http.StatusForbidden); !strings.Contains(page, `name="prefix"`) || !strings.Contains(page, "can only list tags that start with one of them") {
		t.Errorf("the page is %s", page)
	}
	if shown := s.texts("/tags?prefix=tenant:1:", "tag"); !slices.Equal(shown, []string{"tenant:1:x"}) {
		t.Errorf("the tags are %q", shown)
	}
}

// The prefixes of many tags are found in a sample, and the tags with the most events are exact.
func TestManyTags(t *testing.T) {
	s := newSite(t)
	const students = 20_000
	for batch := range 20 {
		var events []dcb.Event
		for i := range students / 20 {
			events = append(events, dcb.Event{Type: "A", Tags: []string{fmt.Sprint("student:", batch*students/20+i), fmt.Sprint("region:", i%2)}})
		}
		s.append(events...)
	}
	var have shownTags
	s.json("/tags.json", &have)
	if have.All != students+2 || len(have.Prefixes) != 2 {
		t.Fatalf("the tags are %+v", have)
	}
	if p := have.Prefixes[0]; p.Prefix != "student:" || !p.About || p.Tags < students*9/10 || p.Tags > students*11/10 {
		t.Errorf("the first prefix is %+v", p)
	}
	if p := have.Prefixes[1]; p.Prefix != "region:" || p.Tags != 2 || len(p.Top) != 2 || p.Top[0] != (dcb.TermCount{Name: "region:0", Events: students / 2}) {
		t.Errorf("the second prefix is %+v", p)
	}
}

func TestTypesAndTagsOfAPlainServer(t *testing.T) {
	s := newSite(t, makePlain)
	var tags shownTags
	var types shownTypes
	s.json("/tags.json", &tags)
	s.json("/types.json", &types)
	if !tags.Missing || !types.Missing {
		t.Errorf("the tags are %+v and the types %+v", tags, types)
	}
}
