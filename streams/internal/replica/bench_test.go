package replica

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode/streams/internal/raftlog"
	"github.com/eventnode/eventnode/streams/internal/raftlog/raftlogtest"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// BenchmarkPublish publishes batches through three replicas in one process, each
// with its own disk directory, from several callers that each wait for the answer.
func BenchmarkPublish(b *testing.B) {
	for _, c := range []struct{ callers, events int }{{1, 1}, {64, 1}, {1, 256}, {8, 256}, {8, 1024}} {
		b.Run(fmt.Sprintf("callers=%d/events=%d", c.callers, c.events), func(b *testing.B) {
			w := formed(b, 3, func(cfg *Config) { cfg.HeartbeatTimeout, cfg.MemoryBytes = time.Second, 512<<20 })
			stream := w.declare("a")
			names := make([]string, c.events)
			for i := range names {
				names[i] = "event"
			}
			p := publish(stream, 128, names...)
			random(p.Events[0])
			p.Publish.Checksum = state.Checksum(p.Events[0])
			leader := w.leader().life
			b.ResetTimer()
			var wg sync.WaitGroup
			for i := range c.callers {
				wg.Go(func() {
					for range (b.N + c.callers - 1 - i) / c.callers {
						if _, err := leader.Propose(b.Context(), p); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N*c.events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// random makes data that does not compress, and keeps what is not data.
func random(records []byte) {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range records {
		if records[i] == 0 {
			records[i] = byte(rng.Uint32())
		}
	}
}

// BenchmarkSlowDisk publishes one event at a time to three replicas whose disks take
// so long for an fsync, as many real ones do.
func BenchmarkSlowDisk(b *testing.B) {
	for _, fsync := range []time.Duration{time.Millisecond, 5 * time.Millisecond} {
		b.Run(fmt.Sprintf("fsync=%v", fsync), func(b *testing.B) {
			w := formed(b, 3, func(cfg *Config) {
				slow := raftlogtest.New(raftlog.NewFS())
				slow.Before(func(op raftlogtest.Op, _ string) error {
					if op == raftlogtest.Sync {
						time.Sleep(fsync)
					}
					return nil
				})
				cfg.HeartbeatTimeout, cfg.LogFS = time.Second, slow
			})
			p := publish(w.declare("a"), 128, "event")
			leader := w.leader().life
			for b.Loop() {
				if _, err := leader.Propose(b.Context(), p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
