package store

import (
	"context"
	"sync"
)

// The commit pipeline makes appends durable and decides whether their conditions hold.
//
// The naive solution is a lock around three steps: evaluate the condition, write the events,
// sync the file. It is correct and slow. Every append pays for a sync of its own, a
// condition may need many reads from disk, and all other appends wait for both.
//
// So an append passes these parts:
//
//   - The caller's goroutine prechecks it: it evaluates the condition up to the published
//     head. Since the log only grows, only later events remain to be checked. Callers
//     precheck in parallel.
//   - The queue holds prechecked appends, small ones and large ones in lanes of their own.
//   - The writer is one goroutine, so there is one order of decisions. It checks each append
//     against the events since its precheck, which are in memory, assigns positions, and
//     adds the events to the open group and to the head block of the index. It does no I/O.
//   - The committer is another goroutine. It makes one sealed group at a time durable, with
//     one write and one sync. Meanwhile the writer fills the next group: the longer a sync
//     takes, the more appends share the next one. In shared mode it appends the group to the
//     shared log instead, writes it, and leaves the sync to another goroutine.
//   - Publishing moves the head over the group, so that readers see it. Then its callers get
//     their results.
//
// The order of events and results follows these rules:
//
//  1. Groups are sealed, committed and published in the order of their positions, and a group
//     is committed only after the previous one was published.
//  2. A caller gets a position only after its group was published.
//  3. A result that depends on an event that is not durable yet, for example a conflict with
//     it, is deferred: it is sent when the group of that event is published. If that group
//     fails, the result is its error.
//  4. After a failure the store accepts no append.
//  5. If a group is lost, because the log already has another group in its place, nothing of
//     it or of the open group was written or seen. Both are withdrawn, the group of the log
//     is adopted, and their callers precheck again. If it is unknown whether the log has the
//     group, its callers get that as the error instead. A local log always decides or fails; a
//     log that several stores share does not.
//
// A group changes its type with its owner: an openGroup belongs to the writer, a
// sealedGroup to the committer, and only a durableGroup can be published and answered.

// pipeline is the commit pipeline of a store.
type pipeline struct {
	env       environment
	committer committer
	queue     *queue
	writer    *writer
	metrics   *commitMetrics
	// leave is called instead of waiting for the outcome of a group when the caller gives up.
	// If it is nil, the caller waits.
	leave func(error) error

	arrived chan arrival     // groups of other stores, to the writer
	sealed  chan sealedGroup // to the committer; closed when the writer ends
	settled chan settled     // to the writer
	end     chan struct{}    // closed to end the writer
	running sync.WaitGroup
}

// newPipeline returns a pipeline. The writer is woken by flushed when env has become able
// to accept appends.
func newPipeline(env environment, c committer, metrics *commitMetrics, flushed <-chan struct{}) *pipeline {
	p := &pipeline{
		env:       env,
		committer: c,
		queue:     newQueue(),
		metrics:   metrics,
		arrived:   make(chan arrival),
		sealed:    make(chan sealedGroup),
		settled:   make(chan settled, 1),
		end:       make(chan struct{}),
	}
	p.writer = newWriter(p, flushed)
	return p
}

// start starts the writer and the committer.
func (p *pipeline) start() {
	p.running.Go(p.writer.run)
	p.running.Go(p.commitGroups)
}

// stop ends both after the last group is settled. No operation may be queued.
func (p *pipeline) stop() {
	close(p.end)
	p.running.Wait()
}

// submit queues an operation and waits for its result. If ctx is done or the caller cancels
// before the writer has claimed the operation, submit returns an error.
func (p *pipeline) submit(ctx context.Context, op *operation) (result, error) {
	op.claimed.Store(false)
	if err := p.queue.submit(ctx, op); err != nil {
		return result{}, err
	}
	select {
	case r := <-op.result:
		return r, nil
	case <-ctx.Done():
		return p.withdraw(op, ctx.Err())
	case <-op.giveUp:
		return p.withdraw(op, context.Canceled)
	}
}

// withdraw returns reason, unless the writer has already claimed the operation. Then it waits
// for the result, or leaves.
func (p *pipeline) withdraw(op *operation, reason error) (result, error) {
	if op.claim() {
		op.request, op.condition = nil, nil // the queue keeps op until its turn
		return result{}, reason
	}
	if p.leave != nil {
		select {
		case r := <-op.result:
			return r, nil
		default:
			return result{}, p.leave(reason)
		}
	}
	return <-op.result, nil
}

// commitGroups runs the committer: it commits one group at a time and publishes and answers
// those that are decided.
func (p *pipeline) commitGroups() {
	for g := range p.sealed {
		g.times.started = clock()
		s := settled{group: g, outcome: failed, err: p.env.failure()}
		if s.err == nil {
			s = p.committer.commit(g)
		}
		switch {
		case s.outcome == failed:
			g.answerAll(result{err: p.env.fail(s.err)})
		case s.outcome == decided && s.err != nil:
			p.env.fail(s.err)
			durableGroup{g}.answer(p.queue)
		case s.outcome == decided:
			d := durableGroup{g}
			d.times.synced = clock()
			p.env.publish(d)
			if !g.adopted {
				p.metrics.observe(d)
			}
			d.answer(p.queue)
			p.env.notify(d)
		}
		p.settled <- s
	}
}
