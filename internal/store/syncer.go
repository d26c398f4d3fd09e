package store

// sync is the syncer: it makes one group at a time durable, publishes it, and
// only then answers its appends.
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

// publishGroup lets everybody see a durable group: first the tracking, which no
// position bounds, and then the head.
func (w *writer) publishGroup(g *group) {
	for source, position := range g.tracking {
		g.block.SetTracking(source, position)
	}
	tail := g.sealed.Tail()
	w.publish(tail.Next-1, tail.Index)
	wake(w.background.prepare)
	if len(w.states.current.Load().memories) > 1 {
		wake(w.background.flush)
	}
}
