package main

import "testing"

func TestFileSystemOfNearestMount(t *testing.T) {
	const mounts = `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:25 / /data rw,relatime shared:1 - xfs /dev/vdb rw
31 30 0:26 / /data/fast rw - tmpfs tmpfs rw
`
	for path, want := range map[string]string{
		"/":             "ext4",
		"/home/x":       "ext4",
		"/data":         "xfs",
		"/data/a":       "xfs",
		"/data/fast/a":  "tmpfs",
		"/data/fastest": "xfs",
		"/datasets":     "ext4",
	} {
		if got := fileSystem(mounts, path); got != want {
			t.Errorf("%s is on %s, want %s", path, got, want)
		}
	}
	if got := fileSystem("", "/x"); got != "unknown" {
		t.Error(got)
	}
}

func TestCPUModel(t *testing.T) {
	if got, ok := cpuModel("processor\t: 0\nmodel name\t: Fast One\nprocessor\t: 1\n"); !ok || got != "Fast One" {
		t.Errorf("%q, %v", got, ok)
	}
	if got, ok := cpuModel("processor\t: 0\n"); ok {
		t.Errorf("%q", got)
	}
}
