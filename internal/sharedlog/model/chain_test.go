package model

// group is the set of requests whose events a record holds, one bit each. A record may
// also hold the event of an append that the model does not follow: the empty group.
type group uint8

const (
	// closeRecord stands for the record that a store outside shared mode writes when it closes.
	closeRecord group = 1 << 7

	// salts are the bits that distinguish records with the same requests.
	salts = closeRecord - 1<<requests
)

func (g group) has(request int) bool { return g>>request&1 == 1 }

func (g *group) add(request int) { *g |= 1 << request }

// chain identifies a record and, as a real chain does, all records before it. Zero is the
// start of the log. So a log is described by the chain of its last record.
type chain uint16

// link is a record: its contents and what it was built on.
type link struct {
	previous chain
	group    group
	index    uint8
	present  group // the requests in the record and in all before it
}

// chains assigns a chain to each record that any state contains.
type chains struct {
	links []link
	known map[link]chain
}

func newChains() *chains {
	return &chains{links: make([]link, 1), known: map[link]chain{{}: 0}}
}

// extend returns the chain of a record with the group after the record previous.
func (c *chains) extend(previous chain, g group) chain {
	before := c.links[previous]
	return c.intern(link{previous: previous, group: g, index: before.index + 1, present: before.present | g&^salts})
}

// start returns the start of a log of which only the set of requests is known.
func (c *chains) start(present group) chain {
	return c.intern(link{present: present})
}

// rebase returns the record tail in a log that starts at base, of which it keeps no more than
// the set of requests.
func (c *chains) rebase(tail, base chain) chain {
	l := c.links[tail]
	if l.index <= c.links[base].index {
		return c.start(l.present)
	}
	return c.extend(c.rebase(l.previous, base), l.group)
}

func (c *chains) intern(l link) chain {
	id, ok := c.known[l]
	if !ok {
		id = chain(len(c.links))
		if int(id) != len(c.links) {
			panic("too many records: use a larger type")
		}
		c.links = append(c.links, l)
		c.known[l] = id
	}
	return id
}

func (c *chains) index(tail chain) uint8 { return c.links[tail].index }

// at returns the record at an index, of the log that ends with tail.
func (c *chains) at(tail chain, index uint8) chain {
	for c.links[tail].index > index {
		tail = c.links[tail].previous
	}
	return tail
}

// isPrefix reports whether the log that ends with tail is a prefix of the log that ends with
// head.
func (c *chains) isPrefix(tail, head chain) bool {
	return c.at(head, c.index(tail)) == tail
}
