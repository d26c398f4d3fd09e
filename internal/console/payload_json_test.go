package console

import (
	"bytes"
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var tags = regexp.MustCompile(`<span class="json-[a-z]+">|</span>`)

// plainText returns the text of HTML that highlight has returned.
func plainText(highlighted string) string {
	return html.UnescapeString(tags.ReplaceAllString(highlighted, ""))
}

// written counts the bytes that are written.
type written struct {
	bytes int
	start strings.Builder // the first ones
}

func (w *written) WriteString(text string) (int, error) {
	w.bytes += len(text)
	if w.start.Len() < 10_000 {
		w.start.WriteString(text)
	}
	return len(text), nil
}

// JSON that is not deep is indented as by json.Indent.
func TestHighlightIndents(t *testing.T) {
	var value *rapid.Generator[any]
	value = rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(
			rapid.Just[any](nil), rapid.Just[any](true), rapid.Float64().AsAny(), rapid.String().AsAny(),
			rapid.SliceOfN(value, 0, 2).AsAny(), rapid.MapOfN(rapid.String(), value, 0, 2).AsAny(),
		)
	})
	rapid.Check(t, func(t *rapid.T) {
		data, err := json.Marshal(value.Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > indentedDepth {
			t.Skip("it may be deep")
		}
		var want bytes.Buffer
		if err := json.Indent(&want, data, "", "  "); err != nil {
			t.Fatal(err)
		}
		for _, data := range [][]byte{data, want.Bytes()} {
			got, isCut := highlight(data, 1<<20)
			if plainText(string(got)) != want.String() || isCut {
				t.Fatalf("%s is %s, want %s", data, plainText(string(got)), &want)
			}
		}
	})
}

// What is written is bounded by what is shown, whatever the depth of the data and its size are.
func TestHighlightIsBounded(t *testing.T) {
	const depth = 9000
	deep := strings.Repeat("[", depth) + strings.Repeat("1,", (1<<20-2*depth)/2) + "1" + strings.Repeat("]", depth)
	stairs := strings.Repeat(`[1,{"":`, depth/2) + "1" + strings.Repeat("}]", depth/2)
	for what, data := range map[string]string{
		"deep":   deep,
		"stairs": stairs,
		"flat":   "[" + strings.Repeat("1,", 1<<19) + "1]",
		"quotes": `"` + strings.Repeat(`\"`, 1<<19) + `"`,
		"empty":  "[" + strings.Repeat("[],", 1<<18) + "[]]",
	} {
		const most = listedBytes
		var out written
		if isCut := writeHighlighted(&out, []byte(data), most); !isCut {
			t.Errorf("%s: all of %d bytes is shown", what, len(data))
		}
		if limit := (markupCost+5)*most + 1000; out.bytes > limit { // a quote has five bytes
			t.Errorf("%s: %d bytes are written, want at most %d", what, out.bytes, limit)
		}
		if shown := plainText(out.start.String()); len(shown) < 1000 {
			t.Errorf("%s: only %d bytes are shown", what, len(shown))
		}
	}
	var out written
	if isCut := writeHighlighted(&out, []byte(stairs), len(stairs)*10); isCut || out.bytes > len(stairs)*40 {
		t.Errorf("all of %d bytes has %d bytes of HTML, cut: %v", len(stairs), out.bytes, isCut)
	}
}

// Values below the depth of indentation are on one line.
func TestDeepValuesAreOnOneLine(t *testing.T) {
	data := strings.Repeat("[", indentedDepth) + `[1,{"a":2}],3` + strings.Repeat("]", indentedDepth)
	got, isCut := highlight([]byte(data), 1<<20)
	if want := `[1, {"a": 2}],` + "\n"; isCut || !strings.Contains(plainText(string(got)), want) {
		t.Errorf("got %s, want %q in it", plainText(string(got)), want)
	}
}
