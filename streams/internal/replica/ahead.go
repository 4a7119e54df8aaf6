package replica

import (
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/raftlog"
)

// aheadLog is the log as Raft has it. A leader's commands go to the others while they
// are fsynced here: raftnet.Transport tells Raft what others have only when that is
// done, so Raft may count the own copy at once. That needs another voter to be told
// of; everything else is fsynced first. So is every change of the configuration,
// behind which fewer voters may be enough.
//
// hashicorp/raft calls StoreLogs in one goroutine, and is the leader in it, or not.
type aheadLog struct {
	*raftlog.Log
	raft *atomic.Pointer[raft.Raft] // nil until it has started
}

// StoreLog implements raft.LogStore.
func (l aheadLog) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

// StoreLogs implements raft.LogStore.
func (l aheadLog) StoreLogs(entries []*raft.Log) error {
	if l.mayRunAhead(entries) {
		return l.Begin(entries)
	}
	return l.Log.StoreLogs(entries)
}

func (l aheadLog) mayRunAhead(entries []*raft.Log) bool {
	r := l.raft.Load()
	if r == nil || r.State() != raft.Leader {
		return false
	}
	for _, e := range entries {
		if e.Type != raft.LogCommand {
			return false
		}
	}
	voters := 0
	for _, s := range r.GetConfiguration().Configuration().Servers {
		if s.Suffrage == raft.Voter {
			voters++
		}
	}
	return voters > 1
}
