package eventlog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// FuzzRecover gives recovery arbitrary bytes behind a segment's header. With
// mend, checksums and chain are made right first, so that what they guard is
// reached.
func FuzzRecover(f *testing.F) {
	all, last := killed(f)
	content := all[segment(1)][eventlog.SegmentHeaderBytes:]
	groups := content[:end(last)-eventlog.SegmentHeaderBytes]
	for _, seed := range []string{
		"", "garbage", groups, content[:600], groups[:len(groups)-1], groups + groups, groups[100:],
		flip(groups, 80), flip(groups, 400), groups + "x", content[:end(last)-eventlog.SegmentHeaderBytes+64],
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, groups []byte, mended bool) {
		if mended {
			groups = mend(groups)
		}
		recoversOnlyWhatIsVerified(t, groups)
	})
}

func recoversOnlyWhatIsVerified(t *testing.T, groups []byte) {
	segment := append(eventlog.EncodeSegmentHeader(storeID, 0, eventlog.Tail{Next: 1}), groups...)
	end, tail := verify(groups)
	end += eventlog.SegmentHeaderBytes
	r, err := eventlog.Recover(segment, storeID, eventlog.Tail{Next: 1})
	var damage *vfs.CorruptionError
	switch {
	case err != nil && !errors.As(err, &damage):
		t.Fatalf("the error is %v", err)
	case err == nil && (r.End != int64(end) || r.Tail != tail):
		t.Fatalf("recovered is %+v up to %d, and verified %+v up to %d", r.Tail, r.End, tail, end)
	case err == nil && (r.Torn == nil) != (strings.Trim(string(segment[end:]), "\x00") == ""):
		t.Fatalf("torn is %v", r.Torn)
	case err == nil && string(r.Last) != string(segment[end-len(r.Last):end]):
		t.Fatal("the last group is not what the file holds")
	}
	opens(t, string(segment), err == nil, tail)
}

// opens fails unless a log of one segment can be opened or not, is then whole,
// and stays so when it is closed and opened again.
func opens(t *testing.T, content string, sound bool, tail eventlog.Tail) {
	mem := files{segment(1): content}.mem(t)
	for range 2 {
		log, err := openLog(mem, small)
		if (err == nil) != sound {
			t.Fatalf("opening: %v", err)
		}
		if !sound {
			return
		}
		b := &book{t, mem, log}
		n := 0
		for _, err := range b.Groups(b.Start(), b.Tail().Index) {
			must(t, err)
			n++
		}
		if b.Tail().Next != tail.Next || n != int(b.Tail().Index) {
			t.Fatalf("there are %d groups, and the tail is %+v", n, b.Tail())
		}
		must(t, b.Close(true))
	}
}

// verify reads groups in the plainest way, as far as they are sound.
func verify(groups []byte) (end int, tail eventlog.Tail) {
	tail = eventlog.Tail{Next: 1}
	for len(groups)-end >= eventlog.GroupPrefix {
		h, sound := eventlog.DecodeGroupHeader(groups[end:], storeID)
		payloadAt := end + eventlog.GroupPrefix
		if !sound || eventlog.Follows(&h, groups[end:], tail) != "" || int(h.PayloadBytes) > len(groups)-payloadAt {
			break
		}
		if eventlog.Checksum(groups[payloadAt:payloadAt+int(h.PayloadBytes)]) != h.PayloadCRC {
			break
		}
		end, tail = payloadAt+int(h.PayloadBytes), h.Tail()
	}
	return end, tail
}

// mend takes bytes as groups one behind another and gives each the checksums
// and the chain that it should have. Lengths are cut to what there is.
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
