package raftlog_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/raftlog"
)

// fsm counts what it applied.
type fsm struct{ applied int }

func (f *fsm) Apply(*raft.Log) any                  { f.applied++; return f.applied }
func (f *fsm) Snapshot() (raft.FSMSnapshot, error)  { return f, nil }
func (f *fsm) Restore(r io.ReadCloser) error        { return r.Close() }
func (f *fsm) Persist(sink raft.SnapshotSink) error { return sink.Close() }
func (f *fsm) Release()                             {}

// TestUnderRaft has three replicas store entries, restarts them, and
// finds the leader's checksums in all logs.
func TestUnderRaft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
		for round := range 2 {
			logs, rafts := replicas(t, dirs, round == 0)
			leader := waitLeader(rafts)
			for i := range 50 {
				must(t, leader.Apply(bytes.Repeat([]byte{byte(i)}, 5000), time.Minute).Error())
			}
			for _, r := range rafts {
				for r.AppliedIndex() < leader.AppliedIndex() {
					time.Sleep(time.Millisecond) // virtual
				}
			}
			for _, r := range rafts {
				must(t, r.Shutdown().Error())
			}
			sums := make(map[uint64]string)
			for _, l := range logs {
				_, last := bounds(t, l)
				if last < uint64(50*(round+1)) {
					t.Fatal(last)
				}
				for i := uint64(1); i <= last; i++ {
					var got raft.Log
					must(t, l.GetLog(i, &got))
					sum := fmt.Sprintf("%d %x", got.Term, got.Extensions)
					if raftlog.Mismatch(&got) != "" || sums[i] != "" && sums[i] != sum {
						t.Fatal(i, sum, sums[i])
					}
					sums[i] = sum
				}
				must(t, l.Close())
			}
		}
	})
}

func replicas(t *testing.T, dirs []string, bootstrap bool) (logs []*raftlog.Log, rafts []*raft.Raft) {
	var servers []raft.Server
	var transports []*raft.InmemTransport
	for i := range dirs {
		addr, tr := raft.NewInmemTransport(raft.ServerAddress(fmt.Sprint("r", i)))
		servers = append(servers, raft.Server{ID: raft.ServerID(addr), Address: addr})
		for _, other := range transports {
			other.Connect(addr, tr)
			tr.Connect(other.LocalAddr(), other)
		}
		transports = append(transports, tr)
	}
	for i, dir := range dirs {
		l := open(t, raftlog.Config{Dir: dir, SegmentBytes: 64 << 10, CacheBytes: 20000})
		snapshots := raft.NewInmemSnapshotStore()
		cfg := raft.DefaultConfig()
		cfg.LocalID = servers[i].ID
		cfg.Logger = hclog.NewNullLogger()
		if bootstrap {
			must(t, raft.BootstrapCluster(cfg, l, l, snapshots, transports[i], raft.Configuration{Servers: servers}))
		}
		r, err := raft.NewRaft(cfg, &fsm{}, l, l, snapshots, transports[i])
		must(t, err)
		logs, rafts = append(logs, l), append(rafts, r)
	}
	return logs, rafts
}

func waitLeader(rafts []*raft.Raft) *raft.Raft {
	for {
		for _, r := range rafts {
			if r.State() == raft.Leader {
				return r
			}
		}
		time.Sleep(10 * time.Millisecond) // virtual
	}
}
