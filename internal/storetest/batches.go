package storetest

import (
	"errors"
	"io"
	"slices"

	"github.com/umadb-go/umadb/dcb"
)

var batchRules = []rule{
	{name: "a batch is 1024 events", check: func(s *fixture) {
		s.fill(2500)
		for _, backwards := range []bool{false, true} {
			var sizes []int
			s.eachBatch(dcb.ReadOptions{Backwards: backwards}, func(batch []dcb.SequencedEvent, _ uint64) {
				sizes = append(sizes, len(batch))
			})
			if !slices.Equal(sizes, []int{1024, 1024, 452}) {
				s.Errorf("2500 events were returned in batches of %v", sizes)
			}
		}
	}},
	{name: "a batch is limited to about 256 KiB", better: true, check: func(s *fixture) {
		for range 100 {
			event := s.event()
			event.Data = make([]byte, 20<<10)
			s.append(event)
		}
		batches := 0
		s.eachBatch(dcb.ReadOptions{}, func(batch []dcb.SequencedEvent, _ uint64) {
			batches++
			if size := dataSize(batch); size > 280<<10 {
				s.Errorf("batch %d has %d bytes of data", batches, size)
			}
		})
		if batches > 16 {
			s.Errorf("2 MiB were returned in %d batches", batches)
		}
	}},
	{name: "a large event has a batch of its own", better: true, check: func(s *fixture) {
		for _, size := range []int{10, 1 << 20, 10, 2 << 20, 3 << 20, 10} {
			event := s.event()
			event.Data = make([]byte, size)
			s.append(event)
		}
		for _, backwards := range []bool{false, true} {
			s.eachBatch(dcb.ReadOptions{Backwards: backwards}, func(batch []dcb.SequencedEvent, _ uint64) {
				if size := dataSize(batch); size > 256<<10 && len(batch) > 1 {
					s.Errorf("a batch has %d events of %d bytes", len(batch), size)
				}
			})
		}
		s.wantRead(s.mine(), dcb.ReadOptions{}, 1, 2, 3, 4, 5, 6)
	}},
	{name: "many batches forwards return every event unchanged", check: func(s *fixture) {
		s.wantManyBatches(false)
	}},
	{name: "many batches backwards return every event unchanged", check: func(s *fixture) {
		s.wantManyBatches(true)
	}},
	{name: "many batches return only matching events", check: func(s *fixture) {
		var events []dcb.Event
		var want []int
		for i := 1; i <= 5000; i++ {
			if i%3 == 0 {
				events = append(events, s.event("third"))
				want = append(want, i)
			} else {
				events = append(events, s.event())
			}
		}
		s.append(events...)
		s.wantRead(s.mine("third"), dcb.ReadOptions{}, want...)
		slices.Reverse(want)
		s.wantRead(s.mine("third"), dcb.ReadOptions{Backwards: true}, want...)
	}},
	{name: "start and limit apply across batches", check: func(s *fixture) {
		s.fill(3000)
		s.eachQuery(func(q dcb.Query) {
			s.wantRead(q, dcb.ReadOptions{Start: new(s.at(500)), Limit: new(uint32(2000))}, span(500, 2499)...)
			s.wantRead(q, dcb.ReadOptions{Start: new(s.at(2900)), Limit: new(uint32(1024)), Backwards: true}, span(2900, 1877)...)
			s.wantRead(q, dcb.ReadOptions{Start: new(s.at(2900)), Limit: new(uint32(1025)), Backwards: true}, span(2900, 1876)...)
		})
	}},
	{name: "a read of many batches sees one snapshot", check: func(s *fixture) {
		s.fill(2500)
		for _, backwards := range []bool{false, true} {
			total := int(s.head() - s.base)
			n := 0
			s.eachBatch(dcb.ReadOptions{Backwards: backwards}, func(batch []dcb.SequencedEvent, head uint64) {
				n += len(batch)
				if head != s.at(total) {
					s.Errorf("head is %d, want %d as at the start", head, s.at(total))
				}
				s.fill(7)
			})
			if n != total {
				s.Errorf("the read returned %d events, want %d", n, total)
			}
		}
	}},
	{name: "with a limit, the head is the last event of the batch", check: func(s *fixture) {
		s.fill(2500)
		for _, backwards := range []bool{false, true} {
			options := dcb.ReadOptions{Limit: new(uint32(2000)), Backwards: backwards}
			s.eachBatch(options, func(batch []dcb.SequencedEvent, head uint64) {
				if last := batch[len(batch)-1].Position; head != last {
					s.Errorf("a batch that ends at %d has head %d", last, head)
				}
			})
		}
	}},
}

// eachBatch reads the fixture's events and calls check with each batch and the head.
func (s *fixture) eachBatch(options dcb.ReadOptions, check func(batch []dcb.SequencedEvent, head uint64)) {
	s.Helper()
	response := s.store.Read(s.ctx, s.mine(), options)
	defer response.Close()
	for {
		batch, err := response.NextBatch()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			s.Fatalf("reading a batch: %v", err)
		}
		head, err := response.Head()
		if err != nil {
			s.Fatalf("head of a read: %v", err)
		}
		check(batch, head)
	}
}

// wantManyBatches checks a complete read of 5,000 events of different sizes,
// written by appends of different sizes.
func (s *fixture) wantManyBatches(backwards bool) {
	var written []dcb.Event
	for n := 1; len(written) < 5000; n++ {
		events := s.events(min(n*n%701+1, 5000-len(written)))
		for i := range events {
			events[i].Data = append(events[i].Data, make([]byte, (len(written)+i)%97)...)
		}
		s.append(events...)
		written = append(written, events...)
	}
	s.eachQuery(func(q dcb.Query) {
		got := s.read(q, dcb.ReadOptions{Backwards: backwards})
		if backwards {
			slices.Reverse(got)
		}
		if len(got) != len(written) {
			s.Fatalf("reading %v returned %d events, want %d", q, len(got), len(written))
		}
		for i := range got {
			want := dcb.SequencedEvent{Position: s.at(i + 1), Event: written[i]}
			if !sameSequenced(got[i], want) {
				s.Fatalf("event %d has position %d and is %s, want %s", i+1, got[i].Position-s.base, brief(got[i].Event), brief(want.Event))
			}
		}
	})
}

func dataSize(batch []dcb.SequencedEvent) int {
	size := 0
	for _, event := range batch {
		size += len(event.Event.Data)
	}
	return size
}
