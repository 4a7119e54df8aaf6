package client_test

import (
	"os/exec"
	"strings"
	"testing"
)

// A program that uses a client, or the shared words, builds neither a node nor its cache, its
// metrics or its storage.
func TestCarriesNoNodeAlong(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "github.com/eventnode/eventnode", "github.com/eventnode/eventnode/client").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 50 {
		t.Fatalf("only %d packages", len(deps))
	}
	for _, dep := range deps {
		for _, no := range []string{"prometheus", "hashicorp", "cockroachdb", "coder/websocket", "eventnode/eventnode/cache", "eventnode/eventnode/node", "eventnode/eventnode/shard", "eventnode/eventnode/source", "eventnode/eventnode/streams", "eventnode/eventnode/groups", "eventnode/eventnode/sessions"} {
			if strings.Contains(dep, no) {
				t.Errorf("%s", dep)
			}
		}
	}
}
