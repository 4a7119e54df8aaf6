package streamsdk

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
)

// keeper keeps a call open: one after the other, as the same holder.
type keeper struct {
	*run
	handlers context.Context //nolint:containedctx // what the handlers' contexts come from

	ttl    time.Duration // for how long a lease is kept after a break
	expiry *time.Timer   // ends the lease; nil: a call is open, or none was yet
	leader string        // the address that was named last; "": none
	// notBefore is when the leader at the address avoided may be gone to again.
	notBefore time.Time
	avoided   string
}

var (
	errReopen = errors.New("other streams have the consumer group")
	errEnded  = errors.New("the consumer has ended")
)

// keep keeps a call open until there is no use in it any more, and says why.
func (k *keeper) keep(ctx context.Context) error {
	defer k.unexpire()
	var names []string // nil: they are to be looked for
	for failures := 0; ; {
		lasted, err := k.once(ctx, &names)
		if lasted {
			failures = 0
		}
		if ending, _ := k.state(); ending {
			return errEnded
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errReopen):
			names = nil
			continue
		case errors.Is(err, eventnode.ErrLeaseTaken):
			return &lostError{err}
		case errors.Is(err, eventnode.ErrFenced):
			if err := k.fenced(ctx, &names, err); err != nil {
				return err
			}
		case isGone(err) && len(k.k.o.Streams) == 0 && names != nil:
			names = nil
		case !isAny(err, eventnode.ErrUnavailable, eventnode.ErrOutcomeUnknown):
			return err
		}
		level := slog.LevelDebug
		if failures == 0 {
			level = slog.LevelInfo
		}
		k.log.Log(ctx, level, "consuming was interrupted", "error", err)
		if k.leader != "" && failures == 0 { // it was said where to go
			failures++
			continue
		}
		if !pause(ctx, failures) {
			return context.Cause(ctx)
		}
		failures++
	}
}

// state reports whether the consumer ends, with nothing left to be said.
func (k *keeper) state() (over, ending bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ending, _ = k.hands.Ending()
	return ending && k.hands.Quiet(), ending
}

// once opens a call, and keeps it as long as it lasts.
func (k *keeper) once(ctx context.Context, names *[]string) (lasted bool, err error) {
	if *names == nil {
		if *names, err = k.k.streams(ctx); err != nil {
			return false, err
		}
	}
	s, err := k.open(ctx, *names)
	if err != nil {
		return false, err
	}
	k.unexpire()
	defer k.broke()
	return true, s.serve(ctx)
}

// broke says that no call is open.
func (k *keeper) broke() {
	k.mu.Lock()
	k.connected = false
	k.hands.Broke()
	k.answered()
	k.mu.Unlock()
	k.expiry = time.AfterFunc(k.ttl, k.expire)
}

func (k *keeper) unexpire() {
	if k.expiry != nil {
		k.expiry.Stop()
		k.expiry = nil
	}
}

// expire ends the lease when its time is over, and nobody could be asked.
func (k *keeper) expire() {
	k.mu.Lock()
	if k.connected || k.over != nil {
		k.mu.Unlock()
		return
	}
	l := k.fence()
	k.mu.Unlock()
	k.log.Warn("the lease is over: no node could be reached in time")
	l.cancel(eventnode.ErrFenced)
}

// fenced ends the lease, and finds out whether this is a consumer still: it is if only
// the streams have changed, or if it has taken the lease from itself, by a call that
// came late. A nil error says that it is.
func (k *keeper) fenced(ctx context.Context, names *[]string, why error) error {
	k.mu.Lock()
	l := k.fence()
	k.mu.Unlock()
	l.cancel(why)
	for failures := 0; ; failures++ {
		now, err := k.k.streams(ctx)
		if err == nil && !slices.Equal(now, *names) {
			*names = now
			return nil
		}
		mine := false
		if err == nil {
			mine, err = k.isMine(ctx, now)
		}
		switch {
		case mine:
			return nil
		case err == nil:
			return &lostError{why}
		case isGone(err) && len(k.k.o.Streams) == 0 && failures == 0: // it changes right now
		case !isAny(err, eventnode.ErrUnavailable, eventnode.ErrOutcomeUnknown):
			return err
		}
		if !pause(ctx, failures) {
			return context.Cause(ctx)
		}
	}
}
