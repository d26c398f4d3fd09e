package store_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// timedRun is a store with random contents, on a fake clock.
type timedRun struct {
	*testing.T
	chance  *rand.Rand
	options *store.Options
	disk    *vfs.Mem
	store   *store.Store
	appends int
}

// Clocks stand still, and each bubble starts at the same time again, so the clock goes back too.
func TestTimesOfRandomStores(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := &timedRun{chance: rand.New(rand.NewPCG(uint64(seed), 7)), disk: vfs.NewMem()}
			blockEvents := 1 + r.chance.IntN(40)
			for range 3 {
				synctest.Test(t, func(t *testing.T) {
					r.T = t
					r.options = smallOptions(r.disk)
					r.options.BlockEvents = blockEvents
					time.Sleep(time.Duration(r.chance.IntN(3000)) * time.Millisecond)
					r.open()
					for range 30 {
						r.step()
					}
					r.close()
				})
			}
			mustBeValid(t, "at the end", r.disk)
		})
	}
}

func (r *timedRun) open() {
	r.options.FS = r.disk
	s, err := store.Open(crashDir, r.options)
	if err != nil {
		r.Fatal(err)
	}
	r.store = s
	store.MustHaveTimes(r.T, s)
}

func (r *timedRun) close() {
	synctest.Wait() // blocks are written and compacted
	store.MustHaveTimes(r.T, r.store)
	if err := r.store.Close(); err != nil {
		r.Fatal(err)
	}
}

func (r *timedRun) step() {
	switch r.chance.IntN(14) {
	case 0:
		r.close() // writes a clean-close record
		r.open()
	case 1:
		image := r.disk.Crash(r.chance)
		r.close()
		r.disk = image
		r.open()
	case 2:
		r.appends++
		if _, err := r.store.Append(r.Context(), nil, nil, &dcb.TrackingInfo{Source: "s", Position: uint64(r.appends)}); err != nil {
			// The position may be recorded already, by a run before a crash.
			return
		}
	case 3:
		var all sync.WaitGroup // appends of several callers in few groups
		for range 1 + r.chance.IntN(8) {
			n := 1 + r.chance.IntN(3)
			all.Go(func() { mustAppend(r.T, r.store, "together", n) })
		}
		all.Wait()
	case 4, 5:
		time.Sleep(time.Duration(r.chance.IntN(3)))
	case 6:
		store.MustHaveTimes(r.T, r.store)
		r.readBeside()
	default:
		r.appends++
		mustAppend(r.T, r.store, fmt.Sprint(r.appends%9), 1+r.chance.IntN(3))
	}
}

// readBeside opens a reader beside the writer, which sees the same times.
func (r *timedRun) readBeside() {
	options := *r.options
	options.ReadOnly = true
	reader, err := store.Open(crashDir, &options)
	if err != nil {
		r.Fatal(err)
	}
	defer reader.Close()
	store.MustHaveTimes(r.T, reader)
	mustAppend(r.T, r.store, "beside", 2)
	store.MustHaveTimes(r.T, reader)
}
