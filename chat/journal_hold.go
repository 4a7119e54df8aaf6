package chat

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/sessions"
)

// Who has a session holds its generation. To take a session over from a generation is to
// obtain the lock that is named after it, whose token makes the next generation: so of two
// that try one succeeds, and whoever had it before can ask whether he still has. A node
// that hands a session over obtains the lock itself, for the one it hands it to.

// claimed is how long a lock lasts while a session is recovered: so long it is out of
// reach if the node that does so dies.
const claimed = 30 * time.Second

// firstGeneration is that of a session which has just been opened.
const firstGeneration = 1

// lockOf is the lock by which a session is taken from a generation.
func lockOf(id sessions.ID, generation uint64) string {
	return "chat-session." + string(id) + "." + strconv.FormatUint(generation, 10)
}

// generationOf is what the holder of a lock makes of a session.
func generationOf(l eventnode.Lock) uint64 { return l.Token() + firstGeneration }

// open tells of a session that begins here, and is not complete. The caller holds the
// hub's lock.
func (j *diary) open(s *sessions.Session, generation uint64) {
	if j == nil {
		return
	}
	j.mu.Lock()
	t := &holding{generation: generation}
	t.element = j.told.PushBack(s)
	j.held[s] = t
	j.mu.Unlock()
	j.tell(s)
}

// complete tells that all that a session was sent is told. What was dispatched up to a
// position is settled; up to now if it is zero. The caller holds the hub's lock.
func (j *diary) complete(s *sessions.Session, since eventnode.Position) {
	if j == nil {
		return
	}
	j.mu.Lock()
	if t := j.held[s]; t != nil {
		t.complete, t.since = true, since
	}
	j.mu.Unlock()
	j.tell(s)
}

// tell tells what a session is. The caller holds the hub's lock.
func (j *diary) tell(s *sessions.Session) {
	o := &storagev1.ChatOpened{
		SessionId: string(s.ID()), UserId: uint64(s.User), Number: s.Number(), Record: j.record(s), Seq: s.Released(),
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	t := j.held[s]
	if t == nil {
		return // it has ended
	}
	if size := proto.Size(o); size > j.most {
		j.metrics.failures.Inc()
		j.log.Warn("a session subscribes to more than the journal takes: what has changed is lost if this node dies", "session", s.ID(), "bytes", size, "max_journaled_bytes", j.most)
		o = nil
	}
	t.told = time.Now()
	j.told.MoveToBack(t.element)
	if o == nil {
		return
	}
	o.Generation, o.Complete, o.SinceMs, o.SinceSeq = t.generation, t.complete, t.since.MS, t.since.Seq
	j.next.queue.Opened(o)
	j.wake()
}

// tellAll tells of sessions that have changed. The caller holds the hub's lock.
func (j *diary) tellAll(changed map[*sessions.Session]bool) {
	for s := range changed {
		j.tell(s)
	}
	clear(changed)
}

// tellAgain tells of sessions that nothing was told of for long, so that it stays in the
// window. The caller holds the hub's lock.
func (j *diary) tellAgain(now time.Time) {
	const often = 3
	for {
		j.mu.Lock()
		var s *sessions.Session
		if e := j.told.Front(); e != nil {
			if of := e.Value.(*sessions.Session); now.Sub(j.held[of].told) >= j.cfg.Window/often {
				s = of
			}
		}
		j.mu.Unlock()
		if s == nil {
			return
		}
		j.tell(s)
	}
}

// over tells that a session has ended here: for good, or it is elsewhere.
func (j *diary) over(s *sessions.Session, why sessions.Reason) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	t := j.held[s]
	delete(j.behind, s)
	if t == nil {
		return
	}
	j.told.Remove(t.element)
	delete(j.held, s)
	if why == sessions.Ended || why == sessions.Expired { // else the next node goes on with it
		j.next.queue.Ended(s.Number())
		j.wake()
	}
}

// abandon has a session end here without a word: another node has it, or may have.
func (j *diary) abandon(s *sessions.Session) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if t := j.held[s]; t != nil {
		j.told.Remove(t.element)
		delete(j.held, s)
	}
	delete(j.behind, s)
	j.abandoned[s.ID()] = time.Now()
}

// hasAbandoned reports whether this node has given a session up.
func (j *diary) hasAbandoned(id sessions.ID) bool {
	if j == nil {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, ok := j.abandoned[id]
	return ok
}

// tidy forgets what was given up so long ago that nobody asks any more.
func (j *diary) tidy(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for id, since := range j.abandoned {
		if now.Sub(since) > j.cfg.Window {
			delete(j.abandoned, id)
		}
	}
}

// generation is that of a session here; 0: nothing is journaled.
func (j *diary) generation(s *sessions.Session) uint64 {
	if j == nil {
		return 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if t := j.held[s]; t != nil && t.complete {
		return t.generation
	}
	return 0
}

// mine reports whether a session that is here was not taken over by another node, which
// this one need not have heard of.
func (j *diary) mine(ctx context.Context, s *sessions.Session) (bool, error) {
	generation := j.generation(s)
	if generation == 0 {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, j.slack)
	defer cancel()
	l, err := j.cfg.Locks.Info(ctx, lockOf(s.ID(), generation))
	if err != nil {
		return false, fmt.Errorf("ask whether session %.40s is still here: %w: %w", s.ID(), eventnode.ErrUnavailable, err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	t := j.held[s]
	return !l.Held || t != nil && t.passing, nil
}

// pass obtains the lock by which a session is handed to another node. done says whether it
// was.
func (j *diary) pass(ctx context.Context, s *sessions.Session) (generation uint64, done func(ok bool), err error) {
	generation = j.generation(s)
	if generation == 0 {
		return 0, func(bool) {}, nil
	}
	j.setPassing(s, true)
	l, err := j.cfg.Locks.Obtain(ctx, lockOf(s.ID(), generation), j.cfg.Window, 0)
	if err != nil {
		j.setPassing(s, false)
		if errors.Is(err, eventnode.ErrLockTaken) {
			return 0, nil, sessions.ErrNotFound
		}
		return 0, nil, fmt.Errorf("give session %.40s away: %w: %w", s.ID(), eventnode.ErrUnavailable, err)
	}
	return generationOf(l), func(ok bool) {
		if !ok {
			_ = l.Release(ctx) // else it ends by itself
			j.setPassing(s, false)
		}
	}, nil
}

func (j *diary) setPassing(s *sessions.Session, passing bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if t := j.held[s]; t != nil {
		t.passing = passing
	}
}

// recently is a position before which all that was dispatched has gone its way.
func (j *diary) recently() eventnode.Position {
	if j == nil {
		return eventnode.Position{}
	}
	return eventnode.Position{MS: max(1, j.written().MS-j.slack.Milliseconds())}
}
