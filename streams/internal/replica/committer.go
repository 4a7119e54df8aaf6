package replica

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sync/semaphore"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// entriesInFlight is how many entries are under way at once: while one is fsynced
// by the followers, the leader fsyncs the next one. More makes each smaller, and
// brings nothing.
const entriesInFlight = 3

// queueProposals bounds proposals that wait for the committer, besides their
// bytes.
const queueProposals = 8192

// Proposal is a command for the partition.
type Proposal struct {
	// Publish is a Publish without its events, which are in Events as records of
	// field 15; nobody may write to them until the answer.
	Publish *storagev1.Publish
	Events  [][]byte
	// Command is any other command.
	Command *storagev1.Command
}

// size is about how many bytes the proposal takes of an entry.
func (p *Proposal) size() int {
	n := 64 + len(p.Publish.GetDedupeIds()) + len(p.Publish.GetKeySlots())
	for _, e := range p.Events {
		n += len(e)
	}
	return n
}

// committer puts proposals together in entries.
type committer struct {
	s       *session
	queue   chan *waiting // queueProposals; who proposes more waits
	bytes   *semaphore.Weighted
	max     int64
	builder state.EntryBuilder // run's
}

func newCommitter(s *session) *committer {
	limit := int64(s.cfg.MaxQueueBytes)
	return &committer{s: s, queue: make(chan *waiting, queueProposals), bytes: semaphore.NewWeighted(limit), max: limit}
}

// submit puts a proposal into the queue, behind those that were put in before.
func (c *committer) submit(ctx context.Context, p *Proposal) (*waiting, error) {
	w := &waiting{Proposal: p, c: c, cost: min(int64(p.size()), c.max), done: make(chan decided, 1)}
	if err := c.bytes.Acquire(ctx, w.cost); err != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case c.queue <- w:
		return w, nil
	case <-ctx.Done():
		c.bytes.Release(w.cost)
		return nil, context.Cause(ctx)
	case <-c.s.over:
		c.bytes.Release(w.cost)
		return nil, errStopped
	}
}

// run makes entries until the session is over.
func (c *committer) run() {
	slots := make(chan struct{}, entriesInFlight)
	for {
		select {
		case slots <- struct{}{}:
		case <-c.s.over:
			return
		}
		select {
		case first := <-c.queue:
			c.commit(first, func() { <-slots })
		case <-c.s.over:
			return
		}
	}
}

// commit makes an entry of a proposal and of those that wait behind it, and sees
// to their results in the background.
func (c *committer) commit(first *waiting, done func()) {
	batch := make([]*waiting, 0, 16)
	for w := first; w != nil; w = c.more() {
		if w.enter(&c.builder) {
			batch = append(batch, w)
		}
	}
	if len(batch) == 0 {
		done()
		return
	}
	stamp := c.s.clock.stamp(time.Now())
	future := c.s.raft.ApplyLog(raft.Log{Data: c.builder.Finish(stamp)}, c.s.cfg.WriteDeadline)
	c.s.wg.Go(func() {
		defer done()
		c.answer(batch, future)
	})
}

// more returns the next one for the entry, nil if none waits or it is full.
func (c *committer) more() *waiting {
	if c.builder.Size() >= c.s.cfg.MaxEntryBytes {
		return nil
	}
	select {
	case w := <-c.queue:
		return w
	default:
		return nil
	}
}

func add(b *state.EntryBuilder, p *Proposal) error {
	if p.Publish != nil {
		return b.Publish(p.Publish, p.Events...)
	}
	return b.Add(p.Command)
}

// answer waits for an entry and gives each proposal its result.
func (c *committer) answer(batch []*waiting, future raft.ApplyFuture) {
	results, err := c.results(future, len(batch))
	for i, w := range batch {
		if err != nil {
			w.decide(decided{err: err})
			continue
		}
		c.s.cfg.OnDecided(w.Proposal, &results[i])
		w.decide(decided{result: results[i]})
	}
}

func (c *committer) results(future raft.ApplyFuture, n int) ([]state.Result, error) {
	if err := c.s.await(future); err != nil {
		return nil, c.s.outcome(err)
	}
	switch answer := future.Response().(type) {
	case []state.Result:
		if len(answer) == n {
			return answer, nil
		}
		return nil, fmt.Errorf("%d results for %d commands: %w", len(answer), n, eventnode.ErrOutcomeUnknown)
	case error:
		return nil, fmt.Errorf("%w: %w", answer, eventnode.ErrOutcomeUnknown)
	}
	return nil, fmt.Errorf("no results: %w", eventnode.ErrOutcomeUnknown)
}
