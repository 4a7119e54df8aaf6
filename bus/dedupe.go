package bus

import (
	"container/list"
	"context"
	"sync"

	"github.com/eventnode/eventnode/event"
)

// DefaultDedupe is how many IDs Dedupe remembers if nobody says how many.
const DefaultDedupe = 65_536

// Dedupe has each event handled once, by its ID: one that comes again when it was handled
// is acked and counted (ConsumerStats.Duplicates). It remembers the n IDs that were
// handled last (0: DefaultDedupe; an ID takes about 200 bytes), in this process, for all
// consumers that share the middleware: what comes again later than that, or elsewhere, is
// handled again. While an event is being handled, another one of its ID waits for what
// becomes of it.
func Dedupe(n int) Middleware {
	if n <= 0 {
		n = DefaultDedupe
	}
	s := &seen{max: n, byID: map[event.ID]*list.Element{}, order: list.New(), now: map[event.ID]chan struct{}{}}
	return func(next HandlerFunc) HandlerFunc {
		return func(ctx context.Context, e *AckEvent) error {
			known, err := s.begin(ctx, e.Event.ID)
			if err != nil {
				return err
			}
			if known {
				e.c.count.duplicates.Add(1)
				return nil
			}
			handled := false
			defer func() { s.end(e.Event.ID, handled) }()
			err = next(ctx, e)
			handled = err == nil
			return err
		}
	}
}

// seen remembers IDs, the ones that were used last.
type seen struct {
	max int

	mu    sync.Mutex
	byID  map[event.ID]*list.Element
	order *list.List                 // of IDs, the newest in front
	now   map[event.ID]chan struct{} // being handled: closed at the end
}

// begin says whether an ID is known; if not, it is being handled until end. It waits
// while another event of that ID is handled.
func (s *seen) begin(ctx context.Context, id event.ID) (known bool, err error) {
	for {
		s.mu.Lock()
		if at := s.byID[id]; at != nil {
			s.order.MoveToFront(at)
			s.mu.Unlock()
			return true, nil
		}
		other := s.now[id]
		if other == nil {
			s.now[id] = make(chan struct{})
			s.mu.Unlock()
			return false, nil
		}
		s.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// end says what became of an ID.
func (s *seen) end(id event.ID, handled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.now[id])
	delete(s.now, id)
	if !handled {
		return
	}
	s.byID[id] = s.order.PushFront(id)
	if s.order.Len() > s.max {
		oldest, _ := s.order.Remove(s.order.Back()).(event.ID)
		delete(s.byID, oldest)
	}
}
