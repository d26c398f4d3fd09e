package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"github.com/umadb-go/umadb/client"
)

// settling is the pause between the end of a fault and the next one.
const settling = 500 * time.Millisecond

// takeovers are what is measured, and with which.
type takeovers struct {
	life    *lifetime
	engine  *engine
	servers []*server
	writer  *writer

	killed, suspended           samples
	leader, promotion, promoted samples
}

// measureTakeovers measures takeovers, and the lag of the servers.
func measureTakeovers(o *options) (err error) {
	life := &lifetime{}
	defer life.end(&err)
	t := &takeovers{
		life: life, engine: engines[o.engine](life),
		killed:    samples{name: "the server of the client is killed"},
		suspended: samples{name: "the server of the client is suspended"},
		leader:    samples{name: "the leader of the engine is killed"},
		promotion: samples{name: "the primary is killed, until a standby is promoted"},
		promoted:  samples{name: "the primary is killed, from the promotion on"},
	}
	if output, err := exec.Command(o.program, "cluster", "create", "--log", t.engine.url).CombinedOutput(); err != nil {
		return fmt.Errorf("umadb cluster create: %w; it printed: %s", err, output)
	}
	if t.servers, err = startServers(life, o, t.engine.url); err != nil {
		return err
	}
	if err := t.measure(o); err != nil {
		return err
	}
	idle, busy, err := measureLag(t.servers)
	if err != nil {
		return err
	}
	all := []*samples{&t.killed, &t.suspended, &t.leader, &t.promotion, &t.promoted, idle, busy}
	if o.json {
		return writeSamples(o.engine, all)
	}
	printSamples(all)
	return nil
}

// measure causes all faults in turn, while a writer appends.
func (t *takeovers) measure(o *options) error {
	store, err := client.Dial(urlOf(t.servers), nil)
	if err != nil {
		return err
	}
	defer store.Close()
	t.writer = newWriter(store)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go t.writer.append(ctx)
	faults := []func() error{t.killServer, t.suspendServer, t.killEtcdLeader}
	if t.engine.postgres != nil {
		faults[2] = t.killPrimary
	}
	if err := t.settle(); err != nil {
		return err
	}
	end := time.Now().Add(o.patience)
	for range o.takeovers {
		for _, fault := range faults {
			if time.Now().After(end) {
				return nil
			}
			if err := fault(); err != nil {
				return err
			}
			if err := t.settle(); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle waits until appends continue, and all servers have caught up.
func (t *takeovers) settle() error {
	now := time.Now()
	if _, _, err := t.writer.gap(now, now); err != nil {
		return err
	}
	_, position := t.writer.last()
	if err := awaitAll(t.servers, position); err != nil {
		return err
	}
	time.Sleep(settling)
	return nil
}

// serving returns the server that serves the writer.
func (t *takeovers) serving() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	log, err := t.engine.open(ctx)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	return preferred(ctx, log, t.servers)
}

// record waits until appends continue after a fault, and adds the gap to the samples.
func (t *takeovers) record(s *samples, fault time.Time) error {
	gap, _, err := t.writer.gap(fault, time.Now())
	if err == nil {
		s.add(gap)
	}
	return err
}

func (t *takeovers) killServer() error {
	s, err := t.serving()
	if err != nil {
		return err
	}
	fault := time.Now()
	s.process.Kill()
	if err := t.record(&t.killed, fault); err != nil {
		return err
	}
	return s.start()
}

func (t *takeovers) suspendServer() error {
	s, err := t.serving()
	if err != nil {
		return err
	}
	fault := time.Now()
	if err := s.process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	err = t.record(&t.suspended, fault)
	return cmp.Or(err, s.process.Signal(syscall.SIGCONT))
}

func (t *takeovers) killEtcdLeader() error {
	leader, _ := t.engine.etcd.Leader(t.life)
	fault := time.Now()
	leader.Kill()
	if err := t.record(&t.leader, fault); err != nil {
		return err
	}
	leader.Start(t.life)
	t.engine.etcd.AwaitReady(t.life)
	return nil
}

// killPrimary promotes a standby as the tool of an operator would, and lets the old primary
// follow it afterwards.
func (t *takeovers) killPrimary() error {
	cluster := t.engine.postgres
	fault := time.Now()
	cluster.Primary.Kill(t.life)
	old := cluster.Promote(t.life)
	promoted := time.Now()
	gap, end, err := t.writer.gap(fault, promoted)
	if err != nil {
		return err
	}
	t.leader.add(gap)
	t.promotion.add(promoted.Sub(fault))
	t.promoted.add(max(0, end.Sub(promoted))) // it may be faster than the tool
	cluster.Rejoin(t.life, old)
	cluster.Await(t.life, func() bool { return cluster.Replicating(t.life) == count-1 })
	return nil
}
