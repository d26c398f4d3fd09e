package store

// sync runs the syncer. It makes one group at a time durable, publishes it, and only
// then answers its appends.
func (w *writer) sync() {
	for g := range w.toSync {
		err := w.failureError()
		if err == nil {
			err = w.makeDurable(g)
		}
		if err != nil {
			w.fail(err)
			g.refuse(w.failureError())
		} else {
			w.publishGroup(g)
			g.succeed()
			w.watches.wake(g.hashes)
		}
		w.synced <- struct{}{}
	}
}

func (w *writer) makeDurable(g *group) error {
	if err := w.log.Write(g.sealed); err != nil {
		return err
	}
	return w.log.Sync()
}

// publishGroup makes a durable group visible to readers: first its tracking, which is
// not bounded by the head, then the head.
func (w *writer) publishGroup(g *group) {
	for source, position := range g.tracking {
		g.block.SetTracking(source, position)
	}
	tail := g.sealed.Tail()
	w.publish(tail.Next-1, tail.Index)
	wake(w.background.preallocate)
	if len(w.states.current.Load().heads) > 1 {
		wake(w.background.flush)
	}
}
