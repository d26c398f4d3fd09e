//go:build linux

package chaos

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// some returns a node that clients know.
func (w *world) some() *node { return w.anyNode(w.chance) }

// restart starts a node again. A node that fails to listen is a failure at the end of the run.
func (w *world) restart(n *node) {
	if err := n.start(); err != nil {
		w.Error(err)
	}
}

// stopNode stops a node as an operator does.
func (w *world) stopNode(n *node) {
	since := w.now()
	if err := n.stop(); err != nil {
		w.Errorf("stopping after %v: %v", since, err)
	}
}

// nodeFaults are the faults of the processes and disks of nodes.
func nodeFaults() []fault {
	return []fault{
		{"kill a node", 4, nodesOnly, func(w *world) heal {
			n := w.some()
			n.kill()
			return func() { w.restart(n) }
		}},
		{"kill the node that wrote last", 12, everything, func(w *world) heal {
			n := w.preferred()
			since := w.now()
			n.kill()
			w.took("another node after a kill", since, n.number)
			return func() { w.restart(n) }
		}},
		{"kill all nodes", 1, nodesOnly, func(w *world) heal {
			known := *w.members.Load()
			end := w.exclude()
			for _, n := range known {
				n.kill()
			}
			return func() {
				defer end()
				for _, n := range known {
					w.restart(n)
				}
			}
		}},
		{"kill a node while it starts", 3, nodesOnly, func(w *world) heal {
			n := w.some()
			wiped := w.chance.IntN(2) == 0 && w.mayLose(n)
			for range 2 + w.chance.IntN(4) {
				n.kill()
				if wiped {
					w.must(os.RemoveAll(n.store()))
				}
				w.restart(n)
				w.pause(10*time.Millisecond, 800*time.Millisecond)
			}
			return nil
		}},
		{"check the store of a node after a kill", 2, nodesOnly, func(w *world) heal {
			n := w.some()
			if w.chance.IntN(2) == 0 {
				n.kill()
			} else {
				w.cutPower(n)
			}
			if output, err := w.run("check", "--db-path", n.store()); err != nil {
				w.Errorf("node %d: umadb check after a kill: %v: %s", n.number, err, output)
			}
			return func() { w.restart(n) }
		}},
		{"stop a node for a time", 4, nodesOnly, func(w *world) heal {
			n := w.some()
			n.signal(syscall.SIGSTOP)
			return func() { n.signal(syscall.SIGCONT) }
		}},
		{"slow a node down", 2, nodesOnly, func(w *world) heal {
			n := w.some()
			over, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for {
					n.signal(syscall.SIGSTOP)
					time.Sleep(90 * time.Millisecond)
					n.signal(syscall.SIGCONT)
					select {
					case <-over:
						return
					case <-time.After(10 * time.Millisecond):
					}
				}
			}()
			return func() { close(over); <-done }
		}},
		{"restart a node", 2, nodesOnly, func(w *world) heal {
			n := w.some()
			w.stopNode(n)
			return func() { w.restart(n) }
		}},
		{"restart all nodes in turn", 1, nodesOnly, func(w *world) heal {
			for _, n := range *w.members.Load() {
				w.stopNode(n)
				w.restart(n)
				w.pause(200*time.Millisecond, 2*time.Second)
			}
			return nil
		}},
		{"replace the disk of a node", 3, nodesOnly, func(w *world) heal {
			n := w.some()
			if !w.mayLose(n) {
				w.note("       no: another node does not have everything")
				return nil
			}
			n.kill()
			w.must(os.RemoveAll(n.store()))
			w.restart(n)
			return nil
		}},
		{"add or remove a node", 3, nodesOnly, func(w *world) heal {
			added := w.nodes[len(w.nodes)-1]
			known := *w.members.Load()
			if !slices.Contains(known, added) {
				w.restart(added)
				known = append(slices.Clone(known), added)
			} else {
				w.stopNode(added)
				known = slices.DeleteFunc(slices.Clone(known), func(n *node) bool { return n == added })
			}
			w.members.Store(&known)
			return nil
		}},
		{"limit the size of a store", 2, nodesOnly, func(w *world) heal {
			n := w.some()
			w.setLimit(n, "16MiB")
			return func() { w.setLimit(n, "off") }
		}},
		{"fill the disk of a node", 3, nodesOnly, func(w *world) heal {
			n := w.some()
			if n.disk == nil {
				return nil
			}
			empty, err := n.disk.fill()
			if err != nil {
				w.Error(err)
				return nil
			}
			return func() { w.must(empty()) }
		}},
		{"cut the power of a node", 4, nodesOnly, func(w *world) heal {
			n := w.some()
			w.cutPower(n)
			return func() { w.restart(n) }
		}},
		{"cut the power of all nodes", 1, nodesOnly, func(w *world) heal {
			known := *w.members.Load()
			end := w.exclude()
			for _, n := range known {
				w.cutPower(n)
			}
			return func() {
				defer end()
				for _, n := range known {
					w.restart(n)
				}
			}
		}},
		{"break the disk of a node", 3, nodesOnly, func(w *world) heal {
			n := w.some()
			if n.disk == nil {
				return nil
			}
			w.must(n.disk.fail())
			return func() { n.kill(); w.must(n.disk.repair()); w.restart(n) }
		}},
	}
}

// must reports an error that no fault explains.
func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Error(err)
	}
}

// mayLose reports whether the directory of a node may be removed: what the engine has trimmed
// must be on the disks of two others.
func (w *world) mayLose(lost *node) bool {
	if w.engine.keepsAll() {
		return true
	}
	for _, n := range *w.members.Load() {
		if n == lost {
			continue
		}
		c := newCaller(w, 5000)
		defer c.close()
		ctx, cancel := context.WithTimeout(w.Context(), 3*time.Second)
		defer cancel()
		s := c.at(n)
		if s == nil {
			return false
		}
		if _, err := s.Head(ctx); err != nil {
			return false
		}
	}
	return true
}

// cutPower ends a node, and discards what it has not synced.
func (w *world) cutPower(n *node) {
	n.signal(syscall.SIGSTOP) // so that it does not see its disk fail
	if n.disk != nil {
		w.must(n.disk.fail())
	}
	n.kill()
	if n.disk != nil {
		w.must(n.disk.repair())
	}
}

// setLimit sets the maximum size of the store of a node.
func (w *world) setLimit(n *node, size string) {
	if err := os.WriteFile(n.limit(), []byte(size+"\n"), 0o600); err != nil {
		w.Error(err)
	}
}

// linkFaults are the faults of the links of nodes.
func linkFaults() []fault {
	return []fault{
		{"disturb the links of a node to the engine", 5, linksOnly, func(w *world) heal { return w.disturb(w.some().engine) }},
		{"disturb the link of a node to a member of the engine", 2, linksOnly, func(w *world) heal {
			links := w.some().engine
			at := w.chance.IntN(len(links))
			return w.disturb(links[at : at+1])
		}},
		{"disturb the links of all nodes to the engine", 1, linksOnly, func(w *world) heal {
			var links []*link
			for _, n := range w.nodes {
				links = append(links, n.engine...)
			}
			end, h := w.exclude(), w.disturb(links)
			return func() { h(); end() }
		}},
		{"disturb the link of clients to a node", 3, linksOnly, func(w *world) heal { return w.disturb([]*link{w.some().clients}) }},
		{"disturb the link of other nodes to a node", 3, linksOnly, func(w *world) heal { return w.disturb([]*link{w.some().peers}) }},
		{"isolate a node", 2, linksOnly, func(w *world) heal {
			n := w.some()
			return w.disturb(append(slices.Clone(n.engine), n.peers))
		}},
	}
}

// disturb causes one fault on all links.
func (w *world) disturb(links []*link) heal {
	each := func(do func(*link)) {
		for _, l := range links {
			do(l)
		}
	}
	kind := w.chance.IntN(6)
	delay := time.Duration(1+w.chance.IntN(300)) * time.Millisecond
	switch kind {
	case 0:
		each((*link).cut)
	case 1:
		each(func(l *link) { l.set(up, flow{held: true}) })
	case 2:
		each(func(l *link) { l.set(down, flow{held: true}) })
	case 3:
		each(func(l *link) { l.set(up, flow{delay: delay}); l.set(down, flow{delay: delay / 2}) })
	case 4:
		each((*link).halfOpen)
	case 5:
		each((*link).reset)
	}
	lost := kind == 4 || w.chance.IntN(2) == 0
	w.note("       of %d links: %s", len(links), []string{"cut", "lost to the server", "lost to the client", fmt.Sprint("delay ", delay), "half open", "reset"}[kind])
	return func() {
		each((*link).heal)
		if lost { // what was held back does not arrive
			each((*link).reset)
		}
	}
}
