package etcd

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// keys are the names of the keys of a log. Their values are text, for people with etcdctl, but
// for the records:
//
//	PREFIX/origin        the origin, as JSON; it never changes
//	PREFIX/head          index and chain of the last point, which each append compares and moves
//	PREFIX/record/INDEX  a record
//	PREFIX/replica/ID    the last report of a replica, as JSON, with a lease
//
// Numbers are 16 hexadecimal digits, so that the order of the keys is that of the records. Records
// are deleted in this order. So what is before the first one, or without records up to the head, is
// trimmed, and no key needs to tell: none can be written when etcd has no space.
type keys struct {
	origin, head      string
	records, replicas string // with a slash at the end
}

func newKeys(prefix string) keys {
	return keys{
		origin: prefix + "/origin", head: prefix + "/head",
		records: prefix + "/record/", replicas: prefix + "/replica/",
	}
}

// pastDigits is after all digits of a number. Ranges that end there contain no key of a log with
// a longer prefix.
const pastDigits = "g"

func (k *keys) record(index uint64) string { return k.records + number(index) }

func (k *keys) replica(id sharedlog.ID) string { return k.replicas + id.String() }

// indexOf returns the index of the record with a key.
func (k *keys) indexOf(key []byte) (uint64, error) {
	if len(key) < len(k.records) {
		return 0, fmt.Errorf("%q is not the key of a record", key)
	}
	return parseNumber(string(key[len(k.records):]))
}

func number(n uint64) string { return fmt.Sprintf("%016x", n) }

func parseNumber(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil || number(n) != text {
		return 0, fmt.Errorf("%q is not a number of 16 hexadecimal digits", text)
	}
	return n, nil
}

func encodePoint(p sharedlog.Point) string { return number(p.Index) + " " + number(p.Chain) }

func decodePoint(value []byte) (p sharedlog.Point, err error) {
	const digits = 16
	if len(value) != 2*digits+1 || value[digits] != ' ' {
		return p, fmt.Errorf("%q is not a point", value)
	}
	if p.Index, err = parseNumber(string(value[:digits])); err == nil {
		p.Chain, err = parseNumber(string(value[digits+1:]))
	}
	return p, err
}

// originValue is the value of the key of the origin.
type originValue struct {
	Log   string `json:"log"`
	Store string `json:"store"`
	Index uint64 `json:"index"`
	Chain uint64 `json:"chain"`
}

func encodeOrigin(o sharedlog.Origin) string {
	return encode(originValue{o.Log.String(), o.Store.String(), o.Point.Index, o.Point.Chain})
}

func decodeOrigin(value []byte) (o sharedlog.Origin, err error) {
	var v originValue
	if err := json.Unmarshal(value, &v); err != nil {
		return o, fmt.Errorf("invalid origin: %w", err)
	}
	if o.Log, err = parseID(v.Log); err == nil {
		o.Store, err = parseID(v.Store)
	}
	o.Point = sharedlog.Point{Index: v.Index, Chain: v.Chain}
	return o, err
}

// replicaValue is the value of the key of a replica.
type replicaValue struct {
	Address string `json:"address"`
	Program string `json:"program"`
	Format  uint8  `json:"format"`
	Applied uint64 `json:"applied"`
	Durable uint64 `json:"durable"`
}

func encodeReplica(r *sharedlog.Replica) string {
	return encode(replicaValue{r.Address, r.Program, r.Format, r.Applied, r.Durable})
}

func (k *keys) decodeReplica(key, value []byte) (r sharedlog.Replica, err error) {
	if r.ID, err = parseID(string(key[min(len(k.replicas), len(key)):])); err != nil {
		return r, err
	}
	var v replicaValue
	if err := json.Unmarshal(value, &v); err != nil {
		return r, fmt.Errorf("invalid report of replica %s: %w", r.ID, err)
	}
	r.Address, r.Program, r.Format, r.Applied, r.Durable = v.Address, v.Program, v.Format, v.Applied, v.Durable
	return r, nil
}

func encode(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // the types have no such value
	}
	return string(text)
}

func parseID(text string) (id sharedlog.ID, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%q is not an ID", text)
	}
	copy(id[:], b)
	return id, nil
}

// next returns the index after a point, and false if there is none.
func next(after sharedlog.Point) (uint64, bool) { return after.Index + 1, after.Index < math.MaxUint64 }
