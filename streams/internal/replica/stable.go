package replica

import (
	"fmt"
	"runtime"

	"github.com/hashicorp/raft"
)

// stable is where Raft keeps its term and its vote. hashicorp/raft ends the process
// when it cannot keep them. Here only its goroutine ends, in the middle of what it
// was doing, so that nothing goes out that was not kept; the session ends with it.
type stable struct {
	raft.StableStore
	fail func(error)
}

// Set implements raft.StableStore.
func (s stable) Set(key, value []byte) error { return s.kept(s.StableStore.Set(key, value)) }

// SetUint64 implements raft.StableStore.
func (s stable) SetUint64(key []byte, value uint64) error {
	return s.kept(s.StableStore.SetUint64(key, value))
}

// kept returns nil or not at all.
func (s stable) kept(err error) error {
	if err != nil {
		s.fail(fmt.Errorf("log: keep term and vote: %w", err))
		runtime.Goexit()
	}
	return nil
}
