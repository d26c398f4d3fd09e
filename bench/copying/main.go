// Command copying measures the speed and the memory of export and import.
//
//	go build -o bin/umadb ./cmd/umadb
//	go run ./bench/copying -events 1000000
//
// It fills a store in a temporary directory once. Then it copies the store with
// `umadb export | umadb import`, and through a compressed file.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// usage is the resource usage of one process.
type usage struct {
	CPU     time.Duration
	PeakKiB int64 // of resident memory
}

// copying contains the measurements of one export and its import.
type copying struct {
	ExportTook, ImportTook time.Duration // equal in a pipeline
	Export, Import         usage
	FileBytes              int64 // 0 in a pipeline
}

// bench is the setup of the measurements.
type bench struct {
	program string
	dir     string // for all files
	source  string // the store to copy
	events  int
}

func main() {
	events := flag.Int("events", 1_000_000, "events in the store")
	runs := flag.Int("runs", 5, "number of copies with each method")
	program := flag.String("program", "bin/umadb", "the umadb program to measure")
	dir := flag.String("dir", "", "working directory (default: a temporary one)")
	filling := flag.String("fill", "", "fill this store and exit (used internally)")
	flag.Parse()
	run := func() error { return measure(*program, *dir, *events, *runs) }
	if *filling != "" {
		run = func() error { return fill(*filling, *events) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "copying:", err)
		os.Exit(1)
	}
}

func measure(program, parent string, events, runs int) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(parent, "umadb-copying-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{program: program, dir: dir, source: filepath.Join(dir, "source"), events: events}
	if err := b.fill(); err != nil {
		return err
	}
	for _, method := range []struct {
		name string
		copy func() (copying, error)
	}{{"pipeline", b.pipeline}, {"file, zstd", b.file}} {
		var all []copying
		for range runs {
			c, err := method.copy()
			if err != nil {
				return fmt.Errorf("%s: %w", method.name, err)
			}
			b.print(method.name, &c)
			all = append(all, c)
		}
		b.print("MEDIAN of "+method.name, median(all))
	}
	return nil
}

// fill creates the store in another process: the peak memory of a child includes
// that of this process at the time of the fork.
func (b *bench) fill() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	command := exec.Command(self, "-fill", b.source, "-events", fmt.Sprint(b.events))
	command.Stderr = os.Stderr
	start := time.Now()
	if err := command.Run(); err != nil {
		return err
	}
	size, err := sizeOf(b.source)
	fmt.Printf("filled a store with %d events, %d MiB, in %.1f s\n", b.events, size>>20, time.Since(start).Seconds())
	return err
}

// pipeline exports through a pipe into an import.
func (b *bench) pipeline() (c copying, err error) {
	target := filepath.Join(b.dir, "target")
	defer os.RemoveAll(target)
	from, to, err := os.Pipe()
	if err != nil {
		return c, err
	}
	exporting := b.command("export", "--db-path", b.source)
	exporting.Stdout = to
	importing := b.command("import", "--db-path", target)
	importing.Stdin = from
	start := time.Now()
	err = errors.Join(exporting.Start(), importing.Start(), from.Close(), to.Close())
	if err != nil {
		return c, err
	}
	if err := errors.Join(exporting.Wait(), importing.Wait()); err != nil {
		return c, err
	}
	c.ExportTook = time.Since(start)
	c.ImportTook = c.ExportTook
	c.Export, c.Import = usageOf(exporting), usageOf(importing)
	return c, b.verify(target)
}

// file exports to a compressed file and imports it.
func (b *bench) file() (c copying, err error) {
	target, file := filepath.Join(b.dir, "target"), filepath.Join(b.dir, "events.ndjson.zst")
	defer os.RemoveAll(target)
	defer os.Remove(file)
	exporting := b.command("export", "--db-path", b.source, "--output", file)
	importing := b.command("import", file, "--db-path", target)
	start := time.Now()
	if err := exporting.Run(); err != nil {
		return c, err
	}
	c.ExportTook = time.Since(start)
	info, err := os.Stat(file)
	if err != nil {
		return c, err
	}
	c.FileBytes = info.Size()
	start = time.Now()
	if err := importing.Run(); err != nil {
		return c, err
	}
	c.ImportTook = time.Since(start)
	c.Export, c.Import = usageOf(exporting), usageOf(importing)
	return c, b.verify(target)
}

func (b *bench) command(args ...string) *exec.Cmd {
	command := exec.CommandContext(context.Background(), b.program, args...)
	command.Stderr = os.Stderr
	return command
}

// verify checks the target and its number of events.
func (b *bench) verify(target string) error {
	output, err := b.command("check", "--json", "--db-path", target).Output()
	var report struct {
		OK     bool   `json:"ok"`
		Events uint64 `json:"events"`
	}
	if err == nil {
		err = json.Unmarshal(output, &report)
	}
	if err == nil && (!report.OK || report.Events != uint64(b.events)) {
		err = fmt.Errorf("incomplete copy: %s", output)
	}
	return err
}

func (b *bench) print(name string, c *copying) {
	rate := func(took time.Duration) float64 { return float64(b.events) / took.Seconds() }
	fmt.Printf("%s: export %.1f s (%.0f events/s), CPU %.1f s, peak %d MiB; import %.1f s (%.0f events/s), CPU %.1f s, peak %d MiB",
		name, c.ExportTook.Seconds(), rate(c.ExportTook), c.Export.CPU.Seconds(), c.Export.PeakKiB>>10,
		c.ImportTook.Seconds(), rate(c.ImportTook), c.Import.CPU.Seconds(), c.Import.PeakKiB>>10)
	if c.FileBytes > 0 {
		fmt.Printf("; file of %d MiB", c.FileBytes>>20)
	}
	fmt.Println()
}

// usageOf returns the resource usage of a process that has exited.
func usageOf(command *exec.Cmd) usage {
	state := command.ProcessState
	return usage{CPU: state.UserTime() + state.SystemTime(), PeakKiB: peak(state.SysUsage())}
}

// median returns the median of each field.
func median(all []copying) *copying {
	of := func(number func(*copying) int64) int64 {
		numbers := make([]int64, len(all))
		for i := range all {
			numbers[i] = number(&all[i])
		}
		slices.Sort(numbers)
		return numbers[len(numbers)/2]
	}
	return &copying{
		ExportTook: time.Duration(of(func(c *copying) int64 { return int64(c.ExportTook) })),
		ImportTook: time.Duration(of(func(c *copying) int64 { return int64(c.ImportTook) })),
		Export: usage{
			CPU:     time.Duration(of(func(c *copying) int64 { return int64(c.Export.CPU) })),
			PeakKiB: of(func(c *copying) int64 { return c.Export.PeakKiB }),
		},
		Import: usage{
			CPU:     time.Duration(of(func(c *copying) int64 { return int64(c.Import.CPU) })),
			PeakKiB: of(func(c *copying) int64 { return c.Import.PeakKiB }),
		},
		FileBytes: of(func(c *copying) int64 { return c.FileBytes }),
	}
}

// sizeOf returns the total size of the files in a directory.
func sizeOf(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
