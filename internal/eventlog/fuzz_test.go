package eventlog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// FuzzRecover recovers arbitrary bytes after a segment header. If mended is set, it
// first corrects checksums and chain, to reach the code that they protect.
func FuzzRecover(f *testing.F) {
	all, last := killedLog(f)
	content := all[segment(1)][eventlog.SegmentHeaderBytes:]
	groups := content[:end(last)-eventlog.SegmentHeaderBytes]
	for _, seed := range []string{
		"", "garbage", groups, content[:600], groups[:len(groups)-1], groups + groups, groups[100:],
		flipBit(groups, 80), flipBit(groups, 400), groups + "x", content[:end(last)-eventlog.SegmentHeaderBytes+64],
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, groups []byte, mended bool) {
		if mended {
			groups = mend(groups)
		}
		checkRecoverAgreesWithVerify(t, groups)
	})
}

func checkRecoverAgreesWithVerify(t *testing.T, groups []byte) {
	segment := append(eventlog.EncodeSegmentHeader(storeID, 0, eventlog.Tail{Next: 1}), groups...)
	end, tail := verify(groups)
	end += eventlog.SegmentHeaderBytes
	r, err := eventlog.Recover(segment, storeID, eventlog.Tail{Next: 1})
	var corruption *vfs.CorruptionError
	switch {
	case err != nil && !errors.As(err, &corruption):
		t.Fatalf("the error is %v", err)
	case err == nil && (r.End != int64(end) || r.Tail != tail):
		t.Fatalf("recovered %+v up to %d, want %+v up to %d", r.Tail, r.End, tail, end)
	case err == nil && (r.Torn == nil) != (strings.Trim(string(segment[end:]), "\x00") == ""):
		t.Fatalf("torn is %v", r.Torn)
	case err == nil && string(r.Last) != string(segment[end-len(r.Last):end]):
		t.Fatal("the last group differs from the bytes in the file")
	}
	checkReopens(t, string(segment), err == nil, tail)
}

// checkReopens opens a log with one segment. It fails unless Open succeeds exactly if
// valid is set, and the log then contains all groups, also after closing and reopening.
func checkReopens(t *testing.T, content string, valid bool, tail eventlog.Tail) {
	mem := files{segment(1): content}.mem(t)
	for range 2 {
		log, err := openLog(mem, small)
		if (err == nil) != valid {
			t.Fatalf("open: %v", err)
		}
		if !valid {
			return
		}
		l := log
		l.t = t
		n := 0
		for _, err := range l.Groups(l.Start(), l.Tail().Index) {
			must(t, err)
			n++
		}
		if l.Tail().Next != tail.Next || n != int(l.Tail().Index) {
			t.Fatalf("the log has %d groups, and the tail is %+v", n, l.Tail())
		}
		must(t, l.Close(true))
	}
}

// verify is a simple implementation of recovery. It returns the end of the valid groups
// and the tail after them.
func verify(groups []byte) (end int, tail eventlog.Tail) {
	tail = eventlog.Tail{Next: 1}
	for len(groups)-end >= eventlog.GroupPrefix {
		h, valid := eventlog.DecodeGroupHeader(groups[end:], storeID)
		payloadAt := end + eventlog.GroupPrefix
		if !valid || eventlog.CheckFollows(&h, groups[end:], tail) != "" || int(h.PayloadBytes) > len(groups)-payloadAt {
			break
		}
		if eventlog.Checksum(groups[payloadAt:payloadAt+int(h.PayloadBytes)]) != h.PayloadCRC {
			break
		}
		end, tail = payloadAt+int(h.PayloadBytes), h.Tail()
	}
	return end, tail
}

// mend interprets bytes as consecutive groups and corrects their checksums and chain. It
// reduces lengths that exceed the remaining bytes.
func mend(groups []byte) (mended []byte) {
	chain := uint64(0)
	for len(groups) >= eventlog.GroupPrefix {
		h := eventlog.PlainGroupHeader(groups)
		payload := groups[eventlog.GroupPrefix:]
		payload = payload[:min(len(payload), int(h.PayloadBytes))]
		mended = append(mended, eventlog.EncodeGroup(&h, payload, storeID, chain)...)
		chain = h.Chain
		groups = groups[eventlog.GroupPrefix+len(payload):]
	}
	return append(mended, groups...)
}
