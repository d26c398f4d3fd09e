package cli

import "testing"

func TestMemoryIsReleasedOnceAfterLoad(t *testing.T) {
	const mebibyte = 1 << 20
	var heap idleHeap
	for i, step := range []struct {
		bytes       uint64
		collections uint32
		want        bool
	}{
		{20 * mebibyte, 1, false},
		{400 * mebibyte, 50, false}, // under load
		{400 * mebibyte, 90, false},
		{400 * mebibyte, 90, true}, // idle
		{30 * mebibyte, 92, false}, // released
		{80 * mebibyte, 92, false},
		{400 * mebibyte, 93, true},
		{300 * mebibyte, 94, false}, // still in use
		{400 * mebibyte, 94, false},
		{600 * mebibyte, 94, true},
	} {
		due := heap.due(step.bytes, step.collections)
		if due != step.want {
			t.Errorf("step %d: got %v", i, due)
		}
		if due {
			heap.released([]uint64{0: 0, 3: 30 * mebibyte, 6: 300 * mebibyte, 9: 40 * mebibyte}[i], step.collections)
		}
	}
}
