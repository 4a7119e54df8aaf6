package bot

import (
	"context"
	"fmt"
	"sync"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/shard/fleet"
	"github.com/eventnode/eventnode/source"
)

// The cache and what is kept of a shard are not written at once: where a lease is lost, the
// cache has seen more. A payload that is said again would find its own change done, so what it
// deletes would be told to nobody, and what it changes with a wrong old. Therefore
//
//   - a shard that comes back to its node goes on where it ended there, and not where that was
//     last kept, as long as nobody else has kept anything since;
//   - the one payload that was written and not handled has the change that it had;
//   - another node takes over what is known only if it is as of where it goes on: otherwise it
//     begins with nothing.

// past is what this node remembers of a shard that has run here.
type past struct {
	mu  sync.Mutex
	end resume // where it ended; no session: it has not
	// The payload that was written last, and what that changed.
	origin source.Origin
	change source.Change
}

// pastOf is what is remembered of a shard, which is of bounded size.
func (b *Bot) pastOf(id fleet.ShardID) *past {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pasts[id] == nil {
		b.pasts[id] = &past{}
	}
	return b.pasts[id]
}

// asOf refuses what is known of a shard to who goes on with it elsewhere. One that has not run
// here is nobody's affair.
func (b *Bot) asOf(id fleet.ShardID, session string, seq uint64) error {
	b.mu.Lock()
	p := b.pasts[id]
	b.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.isAsOf(session, seq)
}

// goOn is where a shard goes on, of where was kept.
func (p *past) goOn(kept resume, self eventnode.NodeID) resume {
	p.mu.Lock()
	defer p.mu.Unlock()
	behind := p.end.At.Session == kept.At.Session && p.end.At.Seq < kept.At.Seq
	if kept.Node != self || p.end.At.Session == "" || behind {
		return kept
	}
	return p.end
}

// ended notes where a shard has ended here.
func (p *past) ended(at resume) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end = at
}

// forget is when the cache is another one's.
func (p *past) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end, p.origin, p.change = resume{}, source.Origin{}, nil
}

// isAsOf refuses what is as of another place.
func (p *past) isAsOf(session string, seq uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.end.At
	if session == "" || at.Session == "" || at.Session == session && at.Seq == seq {
		return nil
	}
	return fmt.Errorf("what is known here is as of %d of session %.80q, not of %d of %.80q: %w", at.Seq, at.Session, seq, session, eventnode.ErrUnavailable)
}

// written is a cache that remembers what a payload has changed, and tells of it.
type written struct {
	*cache.Cache
	past *past
	tell func(context.Context, source.Payload) // nil: nobody
}

// Write implements source.Cache.
func (w written) Write(ctx context.Context, p source.Payload) (source.Change, error) {
	w.past.mu.Lock()
	again, change := p.Origin.Seq > 0 && p.Origin == w.past.origin, w.past.change
	w.past.mu.Unlock()
	if again {
		return change, nil
	}
	change, err := w.Cache.Write(ctx, p)
	w.past.mu.Lock()
	w.past.origin, w.past.change = p.Origin, change
	w.past.mu.Unlock()
	if w.tell != nil {
		w.tell(ctx, p)
	}
	return change, err
}
