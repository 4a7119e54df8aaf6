package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/internal/journal"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/sessions"
)

// A session whose node has died is made anew of what the journal has:
//
//  1. The index says what the session is and who had it last. If that node lives it is
//     asked: its word counts.
//  2. The lock of its generation is obtained: nobody else takes the session.
//  3. The session is adopted, as one that moves: every node knows that it is here, and it
//     is sent what is dispatched from then on.
//  4. All nodes write down what was dispatched there without knowing of it. Then the index
//     is brought up to date: what was dispatched is either in it, or comes here.
//  5. The log is what the session was sent, and what was dispatched, not handled by the
//     node that had it, and for the session by the rules.
//  6. All of that is told under the new generation, and the lock is kept for as long as
//     anybody might believe to have the session. Then the client gets it.

// found is a session as the journal has it.
type found struct {
	journal.Session
	record *clusterv1.ChatRecord
}

// recoverable reports whether an error of fetch leaves it to the journal to know.
func recoverable(err error) bool {
	_, gap := errors.AsType[*sessions.GapError](err)
	return err != nil && !gap && !errors.Is(err, sessions.ErrAttached) && !errors.Is(err, sessions.ErrAhead) &&
		!errors.Is(err, sessions.ErrClosed) && !errors.Is(err, sessions.ErrNotAccepting)
}

// recover makes a session anew that no node has. before is why it was not had from one.
func (h *Hub) recover(ctx context.Context, user sessions.Snowflake, sid sessions.ID, seen uint64, before error) (*sessions.Session, error) {
	s, result, err := h.recovered(ctx, user, sid, seen)
	if errors.Is(err, sessions.ErrNotFound) && !errors.Is(before, sessions.ErrNotFound) {
		err = before
	}
	h.journal.metrics.recoveries.WithLabelValues(result).Inc()
	if err != nil {
		h.log.InfoContext(ctx, "a session is not made anew from the journal", "session", sid, "result", result, "error", err)
	}
	return s, err
}

func (h *Hub) recovered(ctx context.Context, user sessions.Snowflake, sid sessions.ID, seen uint64) (s *sessions.Session, result string, err error) {
	if err := h.journal.flush(ctx); err != nil { // and the stream's time is now
		return nil, "failed", err
	}
	f, err := h.lookUp(ctx, user, sid)
	switch {
	case err != nil:
		return nil, "failed", err
	case f.record == nil || f.Life == h.life && !h.journal.hasAbandoned(sid):
		return nil, "unknown", sessions.ErrNotFound
	case h.journal.written().MS-f.Seen.MS > (h.journal.ttl + 2*journalAlive).Milliseconds():
		return nil, "old", sessions.ErrNotFound
	}
	if s, asked, err := h.askOwner(ctx, f, seen); asked {
		return s, "refused", err
	}
	lock, err := h.journal.cfg.Locks.Obtain(ctx, lockOf(sid, f.Generation), claimed, 0)
	if errors.Is(err, eventnode.ErrLockTaken) {
		return nil, "taken", sessions.ErrAttached
	}
	if err != nil {
		return nil, "failed", err
	}
	if s, err = h.rebuild(ctx, f, lock, seen); err != nil {
		_ = lock.Release(context.WithoutCancel(ctx)) // else it ends by itself
		return nil, "failed", err
	}
	return s, "ok", nil
}

// lookUp is what the journal knows of a session now.
func (h *Hub) lookUp(ctx context.Context, user sessions.Snowflake, sid sessions.ID) (f found, err error) {
	err = h.journal.reader.look(ctx, func(x *journal.Index) { f.Session, f.record, _ = x.Session(user, sid) })
	return f, err
}

// askOwner asks the node that had a session last, if it is there and lives its life still.
func (h *Hub) askOwner(ctx context.Context, f found, seen uint64) (s *sessions.Session, asked bool, err error) {
	node := eventnode.NodeID(f.Node)
	if !slices.Contains(h.cfg.Cluster.Peers(), node) {
		return nil, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.CallTimeout)
	defer cancel()
	lend := &clusterv1.ChatLend{UserId: uint64(f.User), SessionId: string(f.ID), Seen: seen}
	resp, err := h.cfg.Cluster.Call(ctx, node, &clusterv1.ChatRequest{
		Position: h.cfg.Progress.Applied().String(), What: &clusterv1.ChatRequest_Lend{Lend: lend},
	})
	if err != nil || resp.GetLife() != f.Life {
		return nil, false, nil
	}
	if err := fromRefusal(resp, seen); err != nil {
		return nil, true, err
	}
	s, err = h.fetchFrom(ctx, node, f.User, f.ID, seen)
	return s, true, err
}

// rebuild adopts a session and completes it with what the journal has.
func (h *Hub) rebuild(ctx context.Context, f found, lock eventnode.Lock, seen uint64) (*sessions.Session, error) {
	s, err := h.adopt(ctx, f.User, f.ID, f.record)
	if err != nil {
		return nil, err
	}
	log, had, end, err := h.known(ctx, s, f, seen)
	if err == nil {
		err = h.goOn(ctx, s, generationOf(lock), end, func() { s.Complete(seen+1, log, had...) })
	}
	if err == nil {
		err = lock.Refresh(ctx, h.journal.cfg.Window)
	}
	if err != nil {
		h.abandon(s)
		return nil, err
	}
	h.watchAgain(s, f.record.GetWatches())
	return s, nil
}

// known is what a session is to be sent behind what its client has seen, the origins of
// what it was sent before, and up to where of the journal that is all.
func (h *Hub) known(ctx context.Context, s *sessions.Session, f found, seen uint64) (log []*sessions.Event, had []sessions.Origin, end eventnode.Position, err error) {
	if missing := h.flushAll(ctx); len(missing) > 0 {
		h.log.InfoContext(ctx, "nodes did not say that what was dispatched there is journaled", "nodes", missing, "session", f.ID)
	}
	var unsent []journal.Dispatched
	failed := h.journal.reader.look(ctx, func(x *journal.Index) {
		if now, _, ok := x.Session(f.User, f.ID); !ok || now.Generation != f.Generation {
			err = fmt.Errorf("another node has it meanwhile: %w", sessions.ErrAttached)
			return
		}
		log, had, err = x.Log(f.ID, seen)
		unsent, end = x.Unsent(f.ID), x.End()
	})
	if failed != nil || err != nil {
		return nil, nil, end, errors.Join(failed, err)
	}
	for _, d := range unsent {
		if e := h.routed(s, d); e != nil {
			log = append(log, e)
		}
	}
	return log, had, end, nil
}

// goOn has a session that was adopted go on here under a generation: it is complete when
// complete has returned, and journaled.
func (h *Hub) goOn(ctx context.Context, s *sessions.Session, generation uint64, since eventnode.Position, complete func()) error {
	if h.journal == nil {
		complete()
		return nil
	}
	h.mu.RLock()
	h.journal.open(s, generation)
	complete()
	h.journal.complete(s, since)
	h.mu.RUnlock()
	ctx, cancel := context.WithTimeout(ctx, h.cfg.CallTimeout)
	defer cancel()
	return h.journal.flush(ctx)
}

// flushAll has all nodes write down what was dispatched there so far.
func (h *Hub) flushAll(ctx context.Context) (missing []eventnode.NodeID) {
	nodes := map[eventnode.NodeID]bool{}
	for _, node := range h.cfg.Cluster.Peers() {
		nodes[node] = true
	}
	return h.everywhere(ctx, nodes, &clusterv1.ChatRequest{What: &clusterv1.ChatRequest_Flush{Flush: &clusterv1.ChatBarrier{}}}, func(*clusterv1.ChatResponse) {})
}

// abandon ends a session here, and says nothing of that.
func (h *Hub) abandon(s *sessions.Session) {
	h.journal.abandon(s)
	h.manager.End(s.ID())
}

// stillMine is nil if a session of this node was not taken over by another one.
func (h *Hub) stillMine(ctx context.Context, s *sessions.Session) error {
	if h.journal == nil {
		return nil
	}
	ok, err := h.journal.mine(ctx, s)
	if err != nil || ok {
		return err
	}
	h.log.InfoContext(ctx, "a session was taken over by another node while this one was cut off", "session", s.ID())
	h.abandon(s)
	return sessions.ErrNotFound
}

// suspect ends a session of this node if another one has taken it over: this node was cut
// off, and that was not heard here.
func (h *Hub) suspect(ctx context.Context, sid sessions.ID) {
	if s, err := h.manager.Session(sid); err == nil {
		_ = h.stillMine(ctx, s) // if it is not known now, a client that comes will ask
	}
}

// due does what is due now and then for the journal.
func (h *Hub) due(ctx context.Context) {
	now := time.Now()
	h.mu.Lock()
	suspects := h.suspects
	h.suspects = nil
	h.journal.tellAgain(now)
	h.mu.Unlock()
	for sid := range suspects {
		h.suspect(ctx, sid)
	}
	h.journal.reader.idle(now)
	h.journal.tidy(now)
}

// doubt notes that another node says it has a session of this one. The caller holds mu.
func (h *Hub) doubt(node eventnode.NodeID, sid sessions.ID) {
	if h.journal == nil || node == h.cfg.Node.ID {
		return
	}
	if _, err := h.manager.Session(sid); err != nil {
		return
	}
	if h.suspects == nil {
		h.suspects = map[sessions.ID]bool{}
	}
	h.suspects[sid] = true
}

// unknown says that a session is not here, or that nobody knows whether it is: as this life's last word, unless it was given
// up without a word.
func (h *Hub) unknown(sid sessions.ID, err error) *clusterv1.ChatResponse {
	if errors.Is(err, eventnode.ErrUnavailable) {
		return &clusterv1.ChatResponse{Error: toError(err)}
	}
	resp := refuse(err)
	if h.journal != nil && errors.Is(err, sessions.ErrNotFound) && !h.journal.hasAbandoned(sid) {
		resp.Life = h.life
	}
	return resp
}
