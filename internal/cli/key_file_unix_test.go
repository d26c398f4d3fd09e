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
