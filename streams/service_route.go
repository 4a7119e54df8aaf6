package streams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/wire"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// Who answers a call: this node if it leads, else the one that does. What a node
// knows of that is old by a moment, so the one that gets a call looks again; and a
// leader that has lost its majority finds out when it confirms a read, or when its
// entry is not taken.

const (
	// leaderWait is how long a call waits for a leader: an election takes about as
	// long. It looks after leaderSoon, and then less and less often, until it is
	// every leaderPoll: one that was handed over is there in a moment.
	leaderWait = 500 * time.Millisecond
	leaderSoon = 2 * time.Millisecond
	leaderPoll = 20 * time.Millisecond
	// confirmWait is how long a leader waits for its majority to confirm it.
	confirmWait = 400 * time.Millisecond
)

// forwardedKey is the metadata key of calls that were forwarded.
const forwardedKey = "eventnode-forwarded"

// errNoLeader and errMoved: nothing was done.
var (
	errNoLeader = fmt.Errorf("the partition has no leader: a majority of its replicas must be reachable: %w", eventnode.ErrUnavailable)
	errMoved    = fmt.Errorf("the partition has another leader now: %w", eventnode.ErrUnavailable)
)

// place is where a call is answered.
type place struct {
	local  partition // nil: by the leader
	leader Leader
}

// route returns the partition that answers a call if that is here, and else a call to
// the leader, which the caller stops. While nothing was sent a leader that cannot be
// reached is not the end of it: there may be another one in a moment.
func (s *Service) route(ctx context.Context, method string, desc *grpc.StreamDesc) (local partition, to *call, err error) {
	for until := time.Now().Add(leaderWait); ; {
		at, err := s.find(ctx, until)
		if err != nil || at.local != nil {
			return at.local, nil, err
		}
		to, err = s.dial(ctx, at.leader, method, desc)
		if err == nil {
			return nil, to, nil
		}
		select {
		case <-time.After(leaderPoll):
		case <-ctx.Done():
		}
		if ctx.Err() != nil || !time.Now().Before(until) {
			s.metrics.forwarded.WithLabelValues(codeOf(err)).Inc()
			return nil, nil, err
		}
	}
}

// find returns where a call is answered, or errNoLeader if there is nobody until then.
func (s *Service) find(ctx context.Context, until time.Time) (place, error) {
	if at, final := s.look(ctx); final {
		return at.orNone()
	}
	pause := leaderSoon
	tick := time.NewTimer(pause)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return place{}, context.Cause(ctx)
		}
		if at, final := s.look(ctx); final {
			return at.orNone()
		}
		left := time.Until(until)
		if left <= 0 {
			return place{}, errNoLeader
		}
		pause = min(pause*3/2, leaderPoll, left)
		tick.Reset(pause)
	}
}

func (at place) orNone() (place, error) {
	if at == (place{}) {
		return at, errNoLeader
	}
	return at, nil
}

// look returns where a call is answered, nowhere if there is no use in waiting;
// final is false if there is.
func (s *Service) look(ctx context.Context) (at place, final bool) {
	if p, ok := s.cfg.Partition(); ok && p.Leads() {
		return place{local: p}, true
	}
	leader, ok := s.cfg.Leader()
	switch {
	case ok && leader.Node == s.cfg.Self:
		return place{}, false // it will be ready in a moment, or lead no more
	case isForwarded(ctx):
		return place{}, true
	case ok:
		return place{leader: leader}, true
	}
	return place{}, false
}

func isForwarded(ctx context.Context) bool {
	return len(metadata.ValueFromIncomingContext(ctx, forwardedKey)) > 0
}

// leaderAddress is where a client does well to go; "" if there is nothing to say.
func (s *Service) leaderAddress() string {
	leader, ok := s.cfg.Leader()
	if !ok || leader.Node == s.cfg.Self {
		return ""
	}
	return leader.Address
}

// serve answers a unary call here, or has the leader do it.
func serve[Req proto.Message, Resp any, PResp interface {
	*Resp
	proto.Message
}](ctx context.Context, s *Service, method string, kind effect, req Req, do func(context.Context, partition, Req) (PResp, error)) (PResp, error) {
	local, to, err := s.route(ctx, method, &unary)
	if err != nil {
		return nil, s.status(err)
	}
	if local == nil {
		resp := PResp(new(Resp))
		if err := s.forward(ctx, to, kind, req, resp); err != nil {
			return nil, s.status(err)
		}
		return resp, nil
	}
	resp, err := do(ctx, local, req)
	if err != nil {
		return nil, s.status(err)
	}
	return resp, nil
}

// successor waits, for no longer than a call waits for a leader, until somebody leads
// after this node does no more. Who it is, leaderAddress says.
func (s *Service) successor(ctx context.Context) {
	ctx = metadata.NewIncomingContext(ctx, nil) // a call that was forwarded may wait, too: it goes nowhere
	_, _ = s.find(ctx, time.Now().Add(leaderWait))
}

// readNow is partition.Read, for no longer than it takes if there is a majority.
func readNow(ctx context.Context, p partition) (state.View, func(), error) {
	ctx, cancel := context.WithTimeout(ctx, confirmWait)
	defer cancel()
	return p.Read(ctx)
}

// status is the status that ends a call. What nobody foresaw, such as damage, is
// for the operator too.
func (s *Service) status(err error) error {
	if replica.IsDamage(err) {
		if p, ok := s.cfg.Partition(); ok {
			p.Report(err)
		}
	}
	err = apierr.ToStatus(s.explain(err))
	if status.Code(err) == codes.Internal {
		s.cfg.Logger.Error("a call about streams failed", "error", err)
	}
	return err
}

// explain says in the words of clients what went wrong.
func (s *Service) explain(err error) error {
	switch {
	case errors.Is(err, replica.ErrNotLeader):
		if s.leaderAddress() == "" {
			return errNoLeader
		}
		return errMoved
	case replica.IsDamage(err) && !errors.Is(err, eventnode.ErrOutcomeUnknown):
		return fmt.Errorf("%w: this copy stops, and another one serves: %w", err, eventnode.ErrUnavailable)
	case errors.Is(err, wire.ErrMalformed):
		return fmt.Errorf("%w: %w", eventnode.ErrInvalidArgument, err)
	}
	return err
}
