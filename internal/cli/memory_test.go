package cli

import (
	"io/fs"
	"testing"
	"testing/fstest"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "1048576": 1 << 20, "3KiB": 3 << 10, "512MiB": 512 << 20, "2 GiB": 2 << 30, "1TiB": 1 << 40,
	} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "MiB", "1.5GiB", "1mb", "lots", "9999999999999GiB", "9223372036854775808"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%q is parsed as %d", text, got)
		}
	}
}

func TestAutomaticMemoryLimit(t *testing.T) {
	machine := "MemTotal:        8388608 kB\nMemFree:          100 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"no information": {nil, fallbackMemoryLimit},
		"machine":        {map[string]string{"proc/meminfo": machine}, 4 << 30},
		"unknown meminfo format": {map[string]string{
			"proc/meminfo": "Total: 1\n",
		}, fallbackMemoryLimit},
		"container": {map[string]string{
			"proc/meminfo":             machine,
			"sys/fs/cgroup/memory.max": "1073741824\n",
		}, 512 << 20},
		"container without a limit": {map[string]string{
			"proc/meminfo":             machine,
			"sys/fs/cgroup/memory.max": "max\n",
		}, 4 << 30},
		"cgroup v1": {map[string]string{
			"proc/meminfo": machine,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "2147483648\n",
		}, 1 << 30},
		"limit of the parent group": {map[string]string{
			"proc/meminfo":                                        machine,
			"proc/self/cgroup":                                    "0::/system.slice/umadb.service\n",
			"sys/fs/cgroup/system.slice/memory.max":               "1073741824\n",
			"sys/fs/cgroup/system.slice/umadb.service/memory.max": "max\n",
		}, 512 << 20},
		"tiny container": {map[string]string{
			"sys/fs/cgroup/memory.max": "1048576\n",
		}, minAutomaticLimit},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for path, content := range c.files {
				root[path] = &fstest.MapFile{Data: []byte(content), Mode: fs.ModePerm}
			}
			if got := automaticMemoryLimit(root); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

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
