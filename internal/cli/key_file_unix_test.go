//go:build unix

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/internal/keyfile"
)

// An edit must not bring back a key that another one has revoked at the same time.
func TestConcurrentEditsOfKeysAreAllMade(t *testing.T) {
	file, name := filepath.Join(t.TempDir(), "keys.toml"), func(i int) string { return fmt.Sprintf("key-%d", i) }
	var content []byte
	var err error
	const count = 30
	for i := range count {
		_, hash := keyfile.NewSecret()
		if content, err = keyfile.Add(content, keyfile.Key{Name: name(i), Hash: &hash, Rights: []string{"read"}}); err != nil {
			t.Fatal(err)
		}
	}
	put(t, file, string(content))
	var all sync.WaitGroup
	for i := range count {
		all.Go(func() {
			if err := editKeys(file, false, func(content []byte) ([]byte, error) { return keyfile.Remove(content, name(i)) }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	content, err = os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := keyfile.Parse(content); err != nil || len(keys) > 0 {
		t.Errorf("%d keys are left: %v", len(keys), err)
	}
}

// The first keys of a new file may be created at the same time.
func TestConcurrentKeysOfNewFileAreAllAdded(t *testing.T) {
	const count = 4
	for round := range 30 {
		file := filepath.Join(t.TempDir(), fmt.Sprintf("keys-%d.toml", round))
		var all sync.WaitGroup
		for i := range count {
			all.Go(func() {
				_, hash := keyfile.NewSecret()
				k := keyfile.Key{Name: fmt.Sprintf("key-%d", i), Hash: &hash, Rights: []string{"read"}}
				if err := editKeys(file, true, func(content []byte) ([]byte, error) { return keyfile.Add(content, k) }); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if keys, err := keyfile.Parse(content); err != nil || len(keys) != count {
			t.Fatalf("the file has %d keys, %v", len(keys), err)
		}
		if left, err := filepath.Glob(file + ".*"); err != nil || len(left) > 0 {
			t.Errorf("temporary files are left: %q, %v", left, err)
		}
	}
}

func TestKeysFileThatIsDanglingLinkIsReplaced(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "keys.toml")
	if err := os.Symlink(filepath.Join(dir, "missing"), file); err != nil {
		t.Fatal(err)
	}
	if err := editKeys(file, true, func([]byte) ([]byte, error) { return []byte("# no keys\n"), nil }); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "# no keys\n" {
		t.Errorf("the file is %q, %v", content, err)
	}
}
