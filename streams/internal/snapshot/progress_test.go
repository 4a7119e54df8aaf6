package snapshot_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/streams/internal/snapshot"
)

// A transfer that takes long says so every ten seconds.
func TestProgressIsLogged(t *testing.T) {
	meta, stream, _ := sender(t)
	synctest.Test(t, func(t *testing.T) {
		said, reg := &said{}, prometheus.NewRegistry()
		r, err := newReplica(vfs.NewMem(), vfs.NewMem(), func(c *snapshot.Config) {
			c.Logger, c.Registerer = slog.New(slog.NewTextHandler(said, nil)), reg
		})
		must(t, err)
		sink, err := r.Create(1, meta.Index, meta.Term, meta.Configuration, meta.ConfigurationIndex, nil)
		must(t, err)
		for part := range bytes.Lines(stream) { // cut anyhow
			_, err := sink.Write(part)
			must(t, err)
		}
		must(t, sink.Cancel())
		said.b.Reset()

		sink, err = r.Create(1, meta.Index, meta.Term, meta.Configuration, meta.ConfigurationIndex, nil)
		must(t, err)
		const parts = 35
		for i := range parts { // a second each
			time.Sleep(time.Second)
			_, err := sink.Write(stream[len(stream)*i/parts : len(stream)*(i+1)/parts])
			must(t, err)
		}
		must(t, sink.Close())
		for what, n := range map[string]int{"transfer begins": 1, "transfer goes on": 3, "transfer is done": 1} {
			if got := strings.Count(said.b.String(), what); got != n {
				t.Fatalf("%q %d times:\n%s", what, got, said.b.String())
			}
		}
		if n := count(t, reg, "eventnode_snapshot_received_bytes_total"); n != float64(2*len(stream)) {
			t.Fatal(n, 2*len(stream))
		}
		must(t, r.close())
	})
}
