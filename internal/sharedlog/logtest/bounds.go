package logtest

import (
	"errors"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

var boundRules = []rule{
	{name: "records of all sizes are stored", check: func(s *fixture) {
		points := []sharedlog.Point{s.create(sharedlog.Point{})}
		largest := s.log.MaxRecord()
		for _, size := range []int{proposalHeader, 4095, 4096, 8193, 65_535, 65_536, 100_000, largest - 1, largest} {
			p := proposeSize(points[len(points)-1], min(size, largest))
			if err := p.appendTo(s.ctx, s.log); err != nil {
				s.Fatalf("appending a record of %d bytes, of at most %d: %v", size, largest, err)
			}
			points = append(points, p.point())
		}
		s.wantRecords(s.client(), points)
	}},
	{name: "records of any bytes are stored", check: func(s *fixture) {
		origin := s.create(sharedlog.Point{})
		for i, content := range []string{"\x00", "\xff\xfe", "'\"\\\r\n", "\x00\x00end", string(make([]byte, 10_000))} {
			after := sharedlog.Point{Index: origin.Index + uint64(i), Chain: uint64(i)}
			if err := s.log.Append(s.ctx, after, uint64(i+1), []byte(content)); err != nil {
				s.Fatalf("appending %.10q: %v", content, err)
			}
			if record := s.recordAt(s.client(), after.Index+1); string(record.Bytes) != content {
				s.Errorf("%d bytes %.10q were read as %d bytes %.10q", len(content), content, len(record.Bytes), record.Bytes)
			}
		}
	}},
	{name: "a larger record is refused", check: func(s *fixture) {
		origin := s.create(sharedlog.Point{})
		err := proposeSize(origin, s.log.MaxRecord()+1).appendTo(s.ctx, s.log)
		if !errors.Is(err, sharedlog.ErrTooLarge) {
			s.Errorf("appending %d bytes, of at most %d, returned %v, want ErrTooLarge", s.log.MaxRecord()+1, s.log.MaxRecord(), err)
		}
		s.wantLast(s.log, origin)
		s.wantRecords(s.log, s.fill(origin, 1))
	}},
	{name: "the answer of a read is bounded", check: func(s *fixture) {
		points := s.fill(s.create(sharedlog.Point{}), 2*sharedlog.ReadRecords)
		after := points[len(points)-1]
		size := min(1<<20, s.log.MaxRecord())
		for range 4*sharedlog.ReadBytes/size + 1 {
			p := proposeSize(after, size)
			if err := p.appendTo(s.ctx, s.log); err != nil {
				s.Fatalf("appending a record of %d bytes: %v", size, err)
			}
			after = p.point()
		}
		for from := uint64(1); from <= after.Index; {
			records := s.read(s.log, from)
			if len(records) == 0 {
				s.pause()
			}
			from += uint64(len(records))
			before := 0 // bytes before the last record
			for _, record := range records[:max(len(records)-1, 0)] {
				before += len(record.Bytes)
			}
			if len(records) > sharedlog.ReadRecords || before >= sharedlog.ReadBytes {
				s.Fatalf("one read returned %d records, and %d bytes before the last one", len(records), before)
			}
		}
	}},
	{name: "trimmed records are gone and others remain", check: func(s *fixture) {
		points := s.fill(s.create(sharedlog.Point{}), 10)
		other := s.client()
		for _, through := range []uint64{1, 7} {
			s.trim(through)
			for index := range through + 1 {
				s.wantTrimmed(other, index)
			}
			s.wantRecords(other, points[through:])
			s.wantLast(other, points[10])
		}
	}},
	{name: "a trim of what was trimmed changes nothing", check: func(s *fixture) {
		points := s.fill(s.create(sharedlog.Point{}), 10)
		for _, through := range []uint64{5, 5, 3, 0} {
			s.trim(through)
			s.wantTrimmed(s.log, 5)
			s.wantRecords(s.log, points[5:])
		}
	}},
	{name: "a trim after the end removes nothing that is added later", check: func(s *fixture) {
		points := s.fill(s.create(sharedlog.Point{}), 3)
		s.trim(100)
		s.wantTrimmed(s.log, 3)
		s.wantLast(s.log, points[3])
		later := s.fill(points[3], 5)
		s.wantRecords(s.client(), later)
	}},
}
