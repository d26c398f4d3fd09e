//go:build cgo

package main

import "testing"

func TestTableAssignsAndRemovesHandles(t *testing.T) {
	var values table[string]
	a, b := values.add("a"), values.add("b")
	values.put(1<<40, "c")
	if a == 0 || a == b {
		t.Errorf("handles %d and %d", a, b)
	}
	for handle, want := range map[uint64]string{a: "a", b: "b", 1 << 40: "c", 0: "", 1 << 41: ""} {
		if got := values.get(handle); got != want {
			t.Errorf("%d is %q, want %q", handle, got, want)
		}
	}
	if got := values.remove(b); got != "b" || values.get(b) != "" || values.remove(b) != "" {
		t.Errorf("removed %q; get returned %q", got, values.get(b))
	}
	if again := values.add("d"); again == a || again == b {
		t.Errorf("handle %d was reused", again)
	}
	count := 0
	values.each(func(handle uint64, value string) {
		if values.all[handle] != value {
			t.Errorf("%d is not %q", handle, value)
		}
		count++
	})
	if count != 3 {
		t.Errorf("%d values, want 3", count)
	}
}
