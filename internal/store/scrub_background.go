package store

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"sync"
	"time"

	"github.com/umadb-go/umadb/internal/vfs"
)

const (
	// scrubFile is the file in the directory of the index with the position of the
	// background scrub. Without it, the scrub starts over.
	scrubFile = "scrub.json"
	scrubTemp = "scrub.tmp"
	// scrubDelay is when the scrub starts after the store is opened, so that it does not
	// slow down a start.
	scrubDelay = time.Minute
	// scrubSaveEvery is how often the position is saved at most.
	scrubSaveEvery = time.Minute
	// maxScrubFile bounds the size of the file with the position.
	maxScrubFile = 1 << 20
)

// ScrubStatus is the state of the background scrub.
type ScrubStatus struct {
	Period time.Duration // of a pass; 0 if there is no background scrub
	// Pass is the pass in progress; its Started is zero if there is none. Done and All are
	// its progress in bytes.
	Pass      ScrubReport
	Done, All int64
	// Last is the last pass that was completed; its Ended is zero if there is none.
	Last ScrubReport
}

// scrubs is the state of the background scrub, for ScrubStatus.
type scrubs struct {
	mu     sync.Mutex
	status ScrubStatus // guarded by mu; its findings are not changed
}

// ScrubStatus returns the state of the background scrub.
func (s *Store) ScrubStatus() ScrubStatus {
	s.scrubs.mu.Lock()
	defer s.scrubs.mu.Unlock()
	return s.scrubs.status
}

// savedScrub is the content of scrubFile.
type savedScrub struct {
	Store    string        `json:"store"`
	Position scrubPosition `json:"position"` // its Started is zero between two passes
	Last     ScrubReport   `json:"last"`
}

// runScrubber verifies the whole store once in each period. A pass continues after a restart.
func (s *Store) runScrubber() {
	if s.sleep(s.background.ctx, scrubDelay) != nil {
		return
	}
	saved := s.loadScrub()
	for {
		next := saved.Last.Started.Add(s.options.ScrubPeriod)
		// The clock may have been wrong when the last pass started.
		if pause := min(time.Until(next), s.options.ScrubPeriod); saved.Position.Report.Started.IsZero() && pause > 0 {
			s.noteScrub(saved, 0)
			if s.sleep(s.background.ctx, pause) != nil {
				return
			}
		}
		if err := s.scrubPass(&saved); err != nil {
			return
		}
	}
}

// scrubPass does or continues one pass. An error means that the store closes.
func (s *Store) scrubPass(saved *savedScrub) error {
	all := s.scrubBytes()
	message := "a scrub of the store continues"
	if saved.Position.Report.Started.IsZero() {
		saved.Position = newScrub()
		message = "a scrub of the store starts"
	}
	s.options.Logger.Info(message, "bytes", all, "done", saved.Position.Report.Bytes(), "period", s.options.ScrubPeriod)
	rate := max(int64(math.Ceil(float64(all)/s.options.ScrubPeriod.Seconds())), 1)
	c := &scrubber{store: s, ctx: s.background.ctx, rate: rate, position: saved.Position}
	savedAt := time.Now()
	c.stepped = func() {
		saved.Position = c.position
		s.noteScrub(*saved, all)
		if time.Since(savedAt) >= scrubSaveEvery {
			savedAt = time.Now()
			s.saveScrub(saved)
		}
	}
	if err := c.run(); err != nil {
		saved.Position = c.position
		s.saveScrub(saved)
		return err
	}
	report := c.position.Report
	s.options.Logger.Info("a scrub of the store has ended", "bytes", report.Bytes(), "groups", report.Groups, "blocks", report.Blocks,
		"findings", uint64(len(report.Findings))+report.More)
	saved.Last, saved.Position = report, scrubPosition{}
	s.noteScrub(*saved, 0)
	s.saveScrub(saved)
	return nil
}

// noteScrub records the state of the scrub for ScrubStatus.
func (s *Store) noteScrub(saved savedScrub, all int64) {
	pass := saved.Position.Report
	pass.Findings = pass.Findings[:len(pass.Findings):len(pass.Findings)]
	s.scrubs.mu.Lock()
	defer s.scrubs.mu.Unlock()
	s.scrubs.status = ScrubStatus{Period: s.options.ScrubPeriod, Pass: pass, Done: pass.Bytes(), All: max(all, pass.Bytes()), Last: saved.Last}
}

// loadScrub returns the saved state, or that of a store that was never scrubbed.
func (s *Store) loadScrub() (saved savedScrub) {
	content, err := readFile(s.files.index, scrubFile, maxScrubFile)
	if err == nil {
		err = json.Unmarshal(content, &saved)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.options.Logger.Warn("cannot read the position of the scrub; it starts over", "error", err)
	}
	if err != nil || saved.Store != s.storeText() {
		return savedScrub{}
	}
	return saved
}

// saveScrub saves the state. A failure does no harm: the scrub then continues at an
// earlier position.
func (s *Store) saveScrub(saved *savedScrub) {
	saved.Store = s.storeText()
	content, err := json.Marshal(saved)
	if err == nil {
		err = vfs.WriteFile(s.files.index, scrubTemp, scrubFile, content)
	}
	if err != nil {
		s.options.Logger.Warn("cannot save the position of the scrub", "error", err)
	}
}

func (s *Store) storeText() string {
	id := s.log.ID()
	return hex.EncodeToString(id[:])
}

// readFile returns the content of a file, which must not be larger than most.
func readFile(dir vfs.Dir, name string, most int64) ([]byte, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	content := make([]byte, min(size, most))
	if err == nil {
		_, err = f.ReadAt(content, 0)
	}
	return content, errors.Join(err, f.Close())
}
