package cluster_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/test/cluster"
)

// Each file in testdata is a story about a cluster.
func TestScenarios(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { cluster.Play(t, path) })
	}
}
