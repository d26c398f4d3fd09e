package store

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var plantBugs = flag.Bool("plant-bugs", false, "run TestSharedMachineFindsPlantedBugs, which takes minutes")

// plantedBug replaces a part of a file. The simulation TestStoresShareALog finds most of them. Two
// are found by tests that drive one store instead: that a group arrives while own groups gather
// (TestPipelineAdoptsBeforeItProposesAgain), and that the flusher runs between writing, syncing
// and publishing a group (TestBlockIsWrittenAfterItsGroupsAreSyncedAndPublished), takes less than
// a virtual microsecond.
type plantedBug struct{ name, file, old, new string }

var plantedBugs = []plantedBug{
	{"an unknown outcome is taken as a failure", "proposer.go", `
		there, readErr := p.read(g.sealed.Index, failures)
`, `
		there, readErr := p.read(g.sealed.Index, failures)
		if readErr != nil || there == nil {
			return settled{group: g, outcome: lost}
		}
`},
	{"a conflict is taken as a lost race", "proposer.go", `
		there, readErr := p.read(g.sealed.Index, failures)
`, `
		there, readErr := p.read(g.sealed.Index, failures)
		if errors.Is(err, sharedlog.ErrConflict) {
			return settled{group: g, outcome: lost}
		}
`},
	{"other bytes are appended again", "proposer.go", `
		err := p.append(g.sealed, own)
`, `
		envelope.Address += "x"
		own, _ = sharedlog.Encode(envelope, g.sealed.Bytes())
		err := p.append(g.sealed, own)
`},
	{"a result is sent before it is decided", "proposer.go", `
		if s = p.propose(g); s.outcome != decided {
			return s
		}
`, `
		go p.propose(g)
`},
	{"a write that fails here is the result of the append", "proposer.go", `
		s.err = err
		return s
	}
	g.times`, `
		s.outcome, s.err = failed, err
		return s
	}
	g.times`},
	{"a deferred result is sent although the group was lost", "writer.go", `
	others := append(operations(results), w.discardOpen()...)
`, `
	answer(results)
	others := w.discardOpen()
`},
	{"a proposal whose index was trimmed is taken as lost", "proposer.go", `
			return p.unknown(g, "the shared log no longer has the record that decided it", readErr)
`, `
			p.halt(g.sealed.Index, readErr)
			return settled{group: g, outcome: lost}
`},
	{"a conflict with an undecided event is sent at once", "decide.go", `
		w.deferResult(op, result{conflict: conflict}, conflict)
`, `
		op.answer(result{err: conflictError(op.request.Condition, conflict)})
`},
	{"the events of a lost group stay in the index", "environment.go", `
	mark.block.Truncate(mark.content)
`, `
	_ = mark.content
`},
	{"the tracking of a lost group is kept", "group.go", `
		g.tracking[to.Source] = to.Position
`, `
		g.tracking[to.Source] = to.Position
		g.block.SetTracking(to.Source, to.Position)
`},
	{"the span of a block is not restored", "environment.go", `
		mark.block.withdraw(mark)
`, `
`},
	{"the place of a lost group is not restored", "environment.go", `
	if sealed != nil {
`, `
	if sealed != nil && e.store == nil {
`},
	{"an adopted group leaves the open group in place", "adopt.go", `
		if !w.open.empty() {
`, `
		if false {
`},
	{"groups that are there are adopted again", "adopt.go", `
		if f.index < w.env.nextGroup() {
			continue
		}
`, `
`},
	{"closing writes a clean-close record", "../eventlog/log.go", `
	if l.options.Replica {
		return w.closeReplica()
	}
`, `
`},
	{"a block is written before its groups are synced", "sync.go", `
	return min(s.logWriter.Durable().Index, s.published.Load().group)
`, `
	return s.published.Load().group
`},
	{"a block is written before its groups are published", "sync.go", `
	return min(s.logWriter.Durable().Index, s.published.Load().group)
`, `
	return s.logWriter.Durable().Index
`},
	{"a corrupt record in the place of a proposal is taken as another", "adopt.go", `
			if i == 0 {
`, `
			if i < 0 {
`},
	{"a halt ends with any group", "halt.go", `
	if h := s.shared.halt.Load(); h != nil && s.published.Load().group < h.group {
`, `
	if h := s.shared.halt.Load(); h != nil && s.published.Load().group+1 < h.group {
`},
	{"a store compares itself with the shared log only if that answers at first", "join.go", `
	if err == nil {
		err = s.compareHistory(ctx)
	}
`, `
	if err == nil && s.pipeline == nil {
		err = s.compareHistory(ctx)
	}
`},
	{"a segment is not synced before the next one", "../eventlog/writer.go", `
		if err := w.sync(full, w.tail); err != nil {
			return err
		}
`, `
`},
	{"a read joins a question that was asked before", "fresh.go", `
		f.next, f.running = nil, q != nil
		f.mu.Unlock()
		if q == nil {
			return
		}
		q.end, q.err = f.look()
`, `
		f.running = q != nil
		f.mu.Unlock()
		if q == nil {
			return
		}
		q.end, q.err = f.look()
		f.mu.Lock()
		f.next = nil
		f.mu.Unlock()
`},
	{"a check without events does not ask the shared log", "commit_shared.go", `
	if request.Count == 0 && request.Tracking == nil {`, `
	if false {`},
	{"a fresh read does not wait", "fresh.go", `
		if s.published.Load().group >= group {
`, `
		if true {
`},
	{"a group that one store has on its disk is trimmed", "trim.go", `
	return durable[len(durable)-copies]
`, `
	return durable[len(durable)-1]
`},
	{"groups are reported before they are synced", "report.go", `
	return s.logWriter.Durable().Index
`, `
	return s.published.Load().group
`},
	{"a store opens with groups that the shared log does not have", "join.go", `
	case own.Index > last.Index:
`, `
	case false:
`},
}

func TestPlantedBugsHaveAPlace(t *testing.T) {
	for _, bug := range plantedBugs {
		bug.overlay(t)
	}
}

// Each planted bug makes TestStoresShareALog or another test of the shared log fail.
func TestSharedMachineFindsPlantedBugs(t *testing.T) {
	if !*plantBugs {
		t.Skip("run it with -plant-bugs")
	}
	for _, bug := range plantedBugs {
		t.Run(bug.name, func(t *testing.T) {
			overlay := bug.overlay(t)
			err := testWith(t, overlay, "../eventlog", "-test.run", "Replica")
			if err == nil {
				err = testWith(t, overlay, ".", "-test.failfast", "-test.run", "StoresShare|Shared|Caller|Pipeline|BlockIsWritten|Follower|Proposal|ReplicaThat|HaltIsFor|Trim", "-shared-seeds", "500")
			}
			if err == nil {
				t.Error("no test fails")
			}
		})
	}
}

// testWith runs tests of a package with an overlay, and returns the error of the tests. One that
// does not end, because the stores make no progress, fails as well.
func testWith(t *testing.T, overlay, pkg string, arguments ...string) error {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", append([]string{"test", "-vet=off", "-overlay", overlay, "-timeout", "120s", pkg, "-args"}, arguments...)...)
	output, err := command.CombinedOutput()
	text := string(output)
	if strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]") {
		t.Fatalf("the bug does not compile:\n%s", text)
	}
	if at := strings.Index(text, "_test.go:"); err != nil && at >= 0 {
		t.Logf("%s", text[at:min(at+200, len(text))])
	} else if err != nil {
		t.Logf("%s", text[:min(200, len(text))])
	}
	return err
}

// overlay writes the changed file, and returns the name of an overlay for the go command.
func (b *plantedBug) overlay(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(b.file)
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(source), b.old) != 1 {
		t.Fatalf("%s contains the place of the bug %q %d times", b.file, b.name, strings.Count(string(source), b.old))
	}
	changed := filepath.Join(t.TempDir(), filepath.Base(b.file))
	if err := os.WriteFile(changed, []byte(strings.Replace(string(source), b.old, b.new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(name, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
