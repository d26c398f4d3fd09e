package cli

import (
	"fmt"
	"strings"
	"testing"
)

// Names that exceed the bounds are counted together.
func TestNameCounterIsBounded(t *testing.T) {
	counter := newNameCounter(3)
	for round := range 2 {
		for i := range 5 {
			counter.add(fmt.Sprint(i))
		}
		counter.add(strings.Repeat("x", maxCountedBytes*(1-round)))
	}
	n := counter.count(2)
	if n.Distinct != 3 || n.Others != 6 || len(n.Top) != 2 || n.Top[0].Name != "0" || n.Top[0].Events != 2 {
		t.Errorf("counted %+v", n)
	}
	s := serverStats{URL: "here", Tags: n}
	for _, want := range []string{"tags              more than 3\n", "  2  0\n  2  1\n  6  of others"} {
		if !strings.Contains(s.text(), want) {
			t.Errorf("the text lacks %q: %q", want, s.text())
		}
	}
}
