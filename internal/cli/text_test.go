package cli

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

func TestWord(t *testing.T) {
	for text, want := range map[string]string{
		"course:1":      `course:1`,
		"naïve:日本":      `naïve:日本`,
		`a"b\n`:         `a"b\n`,
		"":              `""`,
		"two words":     `"two words"`,
		`"quoted"`:      `"\"quoted\""`,
		"\x1b[2J":       `"\x1b[2J"`,
		"\u009b2J":      `"\u009b2J"`,
		"\x7f":          `"\x7f"`,
		"line\nline":    `"line\nline"`,
		"a\u00a0b":      `"a\u00a0b"`,
		"\u202etxt.exe": `"\u202etxt.exe"`,
		"a\u2066b":      `"a\u2066b"`,
		"a\u200bb":      `"a\u200bb"`,
		"a\u2028b":      `"a\u2028b"`,
		"\xff":          `"\xff"`,
	} {
		if got := word(text); got != want {
			t.Errorf("%q is printed as %s, want %s", text, got, want)
		}
	}
}

func TestEscapeControl(t *testing.T) {
	for text, want := range map[string]string{
		"plain … “text”\nand more": "plain … “text”\nand more",
		"\x1b]0;title\a":           `\x1b]0;title\a`,
		"\u009b\u202e\x7f\r":       `\u009b\u202e\x7f\r`,
	} {
		if got := EscapeControl(text); got != want {
			t.Errorf("%q is escaped as %q, want %q", text, got, want)
		}
	}
}

// FuzzEventsAreText checks that any event is printed as plain text in which only the first
// line is not indented.
func FuzzEventsAreText(f *testing.F) {
	f.Add("A", "course:1", `{"a":1}`, "k", "v")
	f.Add("\x1b[2J", "\u009b", "a\r2 Forged\n3 Forged", "a=b", "\u202e")
	f.Add("", "", "base64:", "", "")
	f.Fuzz(func(t *testing.T, kind, tag, data, key, value string) {
		p := newPalette(false)
		text := string(p.appendEvent(nil, &dcb.SequencedEvent{
			Position: 5,
			Event: dcb.Event{
				Type: kind, Tags: []string{tag}, Data: []byte(data), UUID: tag,
				Metadata: []dcb.Metadata{{Key: key, Value: value}},
			},
			Tracking: &dcb.TrackingInfo{Source: key, Position: 1},
		}))
		if !utf8.ValidString(text) {
			t.Fatalf("%q is not UTF-8", text)
		}
		for _, r := range text {
			if r != '\n' && r != '\t' && ndjson.IsControl(r) {
				t.Fatalf("%q has the character %q", text, r)
			}
		}
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		notes := 0
		for i, line := range lines {
			switch {
			case strings.HasPrefix(line, dataIndent), i > 0 && line == "":
			case i > 0 && strings.HasPrefix(line, noteIndent):
				notes++
			case i > 0 || !strings.HasPrefix(line, "5 "):
				t.Fatalf("line %d of %q is not indented", i+1, text)
			}
		}
		want := 2
		if tag != "" {
			want = 3
		}
		if notes != want {
			t.Fatalf("%q has %d lines that are not data, want %d", text, notes, want)
		}
	})
}

func TestBytesText(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1024: "1.0 KiB", 1536: "1.5 KiB",
		5 << 20: "5.0 MiB", 3<<30 + 1<<29: "3.5 GiB", 2 << 40: "2.0 TiB", 4 << 50: "4096.0 TiB",
	} {
		if got := bytesText(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
