package store_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

var repairs = flag.Int("repairs", 60, "number of random corruptions to repair")

// spoil corrupts a segment at random: it changes bits, loses sectors or the end, or removes
// the file. It returns a description.
func spoil(t *testing.T, chance *rand.Rand, disk *vfs.Mem, name string) string {
	t.Helper()
	content := readAll(t, disk, name)
	used := len(bytes.TrimRight(content, "\x00"))
	at := chance.IntN(used)
	what := ""
	switch chance.IntN(6) {
	case 0:
		removeFile(t, disk, name)
		return "removed " + name
	case 1:
		what, content = "truncated", content[:at]
	case 2:
		what = "zeros"
		clear(content[at:min(at+512, len(content))])
	default:
		what = "bits"
		for range 1 + chance.IntN(3) {
			if at == 8 || at == 9 { // another version is not corruption
				at = 10
			}
			content[at] ^= 1 << chance.IntN(8)
			at = chance.IntN(used)
		}
	}
	putFile(t, disk, name, content)
	return fmt.Sprintf("%s at %d of %s", what, at, name)
}

// Whatever happens to the log, and whenever the power is lost during repairs, a copy brings
// back every segment with the bytes that it had.
func TestRepairOfRandomCorruption(t *testing.T) {
	for seed := range uint64(*repairs) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { repairRandom(t, seed) })
	}
}

func repairRandom(t *testing.T, seed uint64) {
	t.Helper()
	chance := rand.New(rand.NewPCG(17, seed))
	disk, segments := newCopiedDisk(t)
	if seed%3 == 0 {
		disk, _ = killed(t)
		segments = filesIn(disk, crashDir+"/log")
	}
	copyFile(t, disk, crashDir+"/HEAD", crashDir+"/HEAD") // durably
	before := map[string][]byte{}
	for _, name := range segments {
		before[name] = readAll(t, disk, name)
	}
	events := 120
	if seed%3 == 0 {
		events = 30
	}
	what, found := []string{}, 0
	for range 1 + chance.IntN(3) {
		name := segments[chance.IntN(len(segments))]
		if len(filesIn(disk, crashDir+"/log")) > 1 && slices.Contains(disk.Files(), name) {
			what = append(what, spoil(t, chance, disk, name))
		}
	}
	name := strings.Join(what, ", ")
	for done := false; !done; {
		options := store.RepairOptions{From: copyDir}
		if chance.IntN(2) == 0 {
			options = receivedFrom(t, disk)
		}
		power := &powerCut{left: chance.IntN(60)}
		report, err := repair(vfs.Observe(disk, power.before), options)
		if done = err == nil; !done {
			if !errors.Is(err, errPower) {
				t.Fatalf("%s: %v", name, err)
			}
			disk = disk.Crash(chance)
			continue
		}
		if found = len(report.Steps); report.Corrupt != 0 || report.Lost != 0 {
			t.Fatalf("%s: %+v", name, report)
		}
	}
	for _, segment := range segments {
		want := bytes.TrimRight(before[segment], "\x00")
		if segment == segments[len(segments)-1] {
			want = want[:len(want)-64] // nothing needs the clean-close record
		}
		if !slices.Contains(disk.Files(), segment) || !bytes.HasPrefix(readAll(t, disk, segment), want) {
			t.Fatalf("%s: %s is another; the last repair had %d steps", name, segment, found)
		}
	}
	mustBeComplete(t, name, disk, events)
}
