//go:build cgo

package main

import "testing"

func TestTable(t *testing.T) {
	var things table[string]
	a, b := things.add("a"), things.add("b")
	things.put(1<<40, "c")
	if a == 0 || a == b {
		t.Errorf("numbers %d and %d", a, b)
	}
	for number, want := range map[uint64]string{a: "a", b: "b", 1 << 40: "c", 0: "", 1 << 41: ""} {
		if got := things.get(number); got != want {
			t.Errorf("%d is %q, want %q", number, got, want)
		}
	}
	if got := things.remove(b); got != "b" || things.get(b) != "" || things.remove(b) != "" {
		t.Errorf("removed %q, and it is %q", got, things.get(b))
	}
	if again := things.add("d"); again == a || again == b {
		t.Errorf("number %d is used again", again)
	}
	count := 0
	things.each(func(number uint64, something string) {
		if things.all[number] != something {
			t.Errorf("%d is not %q", number, something)
		}
		count++
	})
	if count != 3 {
		t.Errorf("%d things, want 3", count)
	}
}
