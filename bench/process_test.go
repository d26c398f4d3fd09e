package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestServerThatExitsDuringStartupIsAnError(t *testing.T) {
	s := server{Name: "broken", kind: umadb{}, command: []string{"sh", "-c", "echo out of order; exit 3"}}
	_, err := startServer(t.Context(), s, filepath.Join(t.TempDir(), "store"))
	if err == nil || !strings.Contains(err.Error(), "exited during startup") || !strings.Contains(err.Error(), "out of order") {
		t.Error(err)
	}
}
