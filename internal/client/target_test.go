package client

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

func TestURLs(t *testing.T) {
	for text, want := range map[string]string{
		"http://a":              "[{a:50051 false false}]",
		"umadb://a:1":           "[{a:1 false false}]",
		"umadbs://a:1":          "[{a:1 true false}]",
		"http://a,b:2,c":        "[{a:50051 false false} {b:2 false false} {c:50051 false false}]",
		"grpcs://a,b:2/":        "[{a:50051 true false} {b:2 true false}]",
		"https://[::1],[::2]:2": "[{[::1]:50051 true false} {[::2]:2 true false}]",
		"http://a:1,a:2":        "[{a:1 false false} {a:2 false false}]",
	} {
		targets, err := parseTargets(text)
		if got := fmt.Sprint(targets); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}

// The error of a URL with several servers names the one that is wrong.
func TestErrorsNameThePartOfTheURL(t *testing.T) {
	for text, want := range map[string]string{
		"http://a,b:x,c":          `invalid URL "http://b:x": `,
		"http://a,b/c":            `invalid URL "http://b/c": it must end after`,
		"http://a,b:99999":        `invalid URL "http://b:99999": its port`,
		"http://a,b?c":            `invalid URL "http://b?c": it must end after`,
		"http://a,,b":             "between two commas",
		"http://a:1,b,a:1":        "it contains the server a:1 twice",
		"http://a,B,b:50051":      "it contains the server b:50051 twice",
		"http://a,http://b":       `"http://b": only the first server has a scheme`,
		"http://a,name:se@cret@b": `invalid URL "http://xxxxx@b": it contains a user`,
		"http://na,me:secret@b":   `invalid URL "http://xxxxx@b": it contains a user`,
		"a:1,b:1":                 `use "http://a:1,b:1", or "https://a:1,b:1" if`,
		"http://" + letters(17):   "it contains 17 servers, over the maximum of 16",
		"http://" + letters(16):   "",
	} {
		_, err := parseTargets(text)
		if want == "" && err == nil {
			continue
		}
		if !errors.Is(err, dcb.ErrInvalidArgument) || want == "" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// letters returns this many hosts.
func letters(count int) string {
	var hosts []string
	for i := range count {
		hosts = append(hosts, fmt.Sprint("h", i))
	}
	return strings.Join(hosts, ",")
}

func TestCheckURLAcceptsOneServer(t *testing.T) {
	if err := CheckURL("http://a"); err != nil {
		t.Error(err)
	}
	if err := CheckURL("http://a,b"); !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), "only one can be used here") {
		t.Errorf("two servers: %v", err)
	}
}
