package record

// Summary describes a ReadResponse or SubscribeResponse.
type Summary struct {
	Events      int    // number of events
	First, Last uint64 // positions of the first and the last of them, or 0
	Head        uint64 // 0 if there is none
	Checked     uint64 // of the progress; 0 if there is none
}

// Summarize returns the summary of an encoded ReadResponse or SubscribeResponse. It does not decode the events.
func Summarize(response []byte) (s Summary, err error) {
	err = eachField(response, func(f field) error {
		return s.add(f)
	})
	return s, err
}

// add adds a field of the response.
func (s *Summary) add(f field) error {
	switch {
	case f.message(responseEvents):
		position, err := sequencedAt(f)
		if s.Last = position; s.Events == 0 {
			s.First = position
		}
		s.Events++
		return err
	case f.scalar(responseHead), f.scalar(responseProgressHead):
		s.Head = f.varint
	case f.scalar(responseChecked):
		s.Checked = f.varint
	}
	return nil
}

// sequencedAt returns the position of an event of a response.
func sequencedAt(f field) (position uint64, err error) {
	err = eachField(f.bytes, func(f field) error {
		if f.scalar(sequencedPosition) {
			position = f.varint
		}
		return nil
	})
	return position, err
}

// ClipResponse returns an encoded ReadResponse without the events after a position, and with that
// as its head, and its summary.
func ClipResponse(response []byte, head uint64) (clipped []byte, s Summary, err error) {
	clipped = make([]byte, 0, len(response)+MaxHeadBytes)
	var times recordedTimes
	var kept []int // which of the events
	events := 0
	err = eachField(response, func(f field) error {
		if f.number == responseTimes {
			return times.add(f)
		}
		if !f.message(responseEvents) {
			return nil
		}
		events++
		if position, err := sequencedAt(f); err != nil || position > head {
			return err
		}
		kept = append(kept, events-1)
		clipped = append(clipped, response[f.start:f.end]...)
		return s.add(f)
	})
	s.Head = head
	return AppendHead(AppendRecordedAt(clipped, times.of(kept)), head), s, err
}
