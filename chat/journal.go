package chat

import (
	"cmp"
	linked "container/list"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/internal/journal"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// What a node writes down of its sessions is gathered in a batch. One goroutine writes one
// batch after the other to the stream; what happens meanwhile is the next batch, so there
// is no timer. When a batch is written, sessions let their sockets have what it says that
// they were sent, and whoever waits for it goes on:
//
//	Send ──► log of the session ──► batch ──► stream ──► Release ──► socket
//
// What is in a batch is in the order in which it happened, by session and by dispatcher,
// and a batch is only written when the one before is.
//
// A batch that is full takes nothing: a session that is sent something then is behind. Its
// log has it, and when there is room what is behind the mark in its log is told again.
// While a session is behind nothing is said to be handled, for it might be untrue.
//
// The methods of a nil *diary do nothing: so it is when nothing is journaled.

// diary is what a node writes down of its sessions.
type diary struct {
	cfg     Journal
	log     *slog.Logger
	metrics *journalMetrics
	life    uint64
	node    string
	most    int // bytes of a payload
	replay  int // events of a session that may be asked for
	slack   time.Duration
	ttl     time.Duration
	record  func(*sessions.Session) *clusterv1.ChatRecord // called with the hub's lock held
	kick    chan struct{}                                 // one place: there is something to write
	ended   chan struct{}                                 // closed when nothing is written any more
	reader  *reader

	mu     sync.Mutex
	next   *batch
	acked  eventnode.Position // of the newest entry that was written
	behind map[*sessions.Session]bool
	held   map[*sessions.Session]*holding
	// abandoned are sessions that this node has given up and did not say so, and when: what
	// the journal has of them may be recovered although this node lives.
	abandoned map[sessions.ID]time.Time
	told      linked.List // of *sessions.Session: whose record was told longest ago first
}

// batch is what is written together.
type batch struct {
	queue  *journal.Queue
	newest map[*sessions.Session]uint64 // what of each session's log is told
	done   chan struct{}                // closed when it is written
}

// holding is a session that this node has.
type holding struct {
	generation uint64
	complete   bool
	since      eventnode.Position
	told       time.Time // when its record was
	element    *linked.Element
	passing    bool // it is being given to another node
}

func newDiary(h *Hub) (*diary, error) {
	if h.cfg.Journal == nil {
		return nil, nil
	}
	cfg, err := h.cfg.Journal.withDefaults(h.cfg.Sessions.TTL)
	if err != nil {
		return nil, err
	}
	m, err := newJournalMetrics(h.cfg.Registerer)
	if err != nil {
		return nil, err
	}
	j := &diary{
		cfg: cfg, log: h.log, metrics: m, life: h.life, node: string(h.cfg.Node.ID), most: h.cfg.MaxEventBytes - entryMargin,
		replay: cmp.Or(h.cfg.Sessions.ReplayEvents, sessions.DefaultReplayEvents), slack: 2 * h.cfg.CallTimeout, ttl: cmp.Or(h.cfg.Sessions.TTL, sessions.DefaultTTL), record: h.record,
		kick: make(chan struct{}, 1), ended: make(chan struct{}),
		behind: map[*sessions.Session]bool{}, held: map[*sessions.Session]*holding{}, abandoned: map[sessions.ID]time.Time{},
	}
	j.reader = newReader(j, h.audience)
	j.next = j.newBatch()
	return j, nil
}

// entryMargin is what an entry needs beside a payload, in bytes.
const entryMargin = 4 << 10

// newBatch begins a batch. What it is told happens after what was written so far.
func (j *diary) newBatch() *batch {
	return &batch{
		queue: journal.NewQueue(j.life, j.node, j.acked.MS, j.most), newest: map[*sessions.Session]uint64{}, done: make(chan struct{}),
	}
}

// add adds to the next batch, unless it is full.
func (j *diary) add(tell func(*batch)) (*batch, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.full() {
		return nil, false
	}
	tell(j.next)
	j.wake()
	return j.next, true
}

// full reports whether the next batch takes nothing. The caller holds mu.
func (j *diary) full() bool { return j.next.queue.Bytes() > j.cfg.QueueBytes }

func (j *diary) wake() {
	select {
	case j.kick <- struct{}{}:
	default:
	}
}

// onSend is sessions.Config.OnSend.
func (j *diary) onSend(s *sessions.Session, seq uint64, e *sessions.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.behind[s]:
	case j.full():
		j.behind[s] = true
		j.metrics.behind.Inc()
	default:
		j.sent(s, seq, e)
	}
}

// sent tells that a session was sent an event. The caller holds mu.
func (j *diary) sent(s *sessions.Session, seq uint64, e *sessions.Event) {
	j.next.queue.Sent(s.Number(), seq, e)
	j.next.newest[s] = seq
	j.wake()
}

// catchUp tells what sessions that are behind were sent.
func (j *diary) catchUp() {
	j.mu.Lock()
	late := make([]*sessions.Session, 0, len(j.behind))
	for s := range j.behind {
		late = append(late, s)
	}
	j.mu.Unlock()
	for _, s := range late {
		s.Held(func() bool { return j.notBehind(s) }, func(seq uint64, e *sessions.Event) { j.onSend(s, seq, e) })
	}
}

// notBehind says that a session is told of again, if there is room.
func (j *diary) notBehind(s *sessions.Session) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.full() {
		return false
	}
	delete(j.behind, s)
	return true
}

// dispatched tells of an event that is about to be dispatched here. What it returns is
// written when it is.
func (j *diary) dispatched(number uint64, req *eventnodev1.ChatServiceDispatchRequest) (*batch, error) {
	if j == nil {
		return nil, nil
	}
	if size := proto.Size(req); size > j.most {
		return nil, &eventnode.LimitError{Limit: "max_journaled_bytes", Max: j.most, Got: size}
	}
	b, ok := j.add(func(b *batch) { b.queue.Dispatched(number, req) })
	if !ok {
		return nil, fmt.Errorf("the session journal is not written fast enough, %d bytes wait (max_journal_queue_bytes %d): come again later: %w",
			j.cfg.QueueBytes, j.cfg.QueueBytes, eventnode.ErrUnavailable)
	}
	return b, nil
}

// handled tells that an event has gone its way on this node.
func (j *diary) handled(o sessions.Origin) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.behind) == 0 && !j.full() {
		j.next.queue.Handled(o)
		j.wake()
	}
}

// wait waits until a batch is written.
func (j *diary) wait(ctx context.Context, b *batch) error {
	if b == nil {
		return nil
	}
	select {
	case <-b.done:
		return nil
	case <-j.ended:
		return fmt.Errorf("the session journal is closed: %w", eventnode.ErrOutcomeUnknown)
	case <-ctx.Done():
		return fmt.Errorf("the session journal was not written in time: %w: %w", eventnode.ErrOutcomeUnknown, context.Cause(ctx))
	}
}

// flush waits until all that has happened so far is written.
func (j *diary) flush(ctx context.Context) error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	b := j.next
	b.queue.Alive()
	j.wake()
	j.mu.Unlock()
	if err := j.wait(ctx, b); err != nil {
		return fmt.Errorf("%w: %w", eventnode.ErrUnavailable, err)
	}
	return nil
}

// written is where the newest entry is that was written.
func (j *diary) written() eventnode.Position {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.acked
}
