package streams

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/forming"
	"github.com/eventnode/eventnode/streams/internal/identity"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

const (
	// scrubRate is the default of ScrubRequest.bytes_per_second.
	scrubRate = 64 << 20
	// maxTold bounds the damages that a node tells of. All are counted.
	maxTold = 64
)

// Scrub has nodes look at all that they have on disk, one after the other, so that
// one disk at a time is busy with it. What is found is told, and logged. Unless repair
// is asked for nothing is changed and no replica is stopped: all copies may have the
// same damage, and then somebody has to decide.
func (o *Operator) Scrub(req *eventnodev1.ScrubRequest, stream grpc.ServerStreamingServer[eventnodev1.ScrubResponse]) error {
	ctx := stream.Context()
	nodes, err := o.chosen(req.GetNodes())
	if err != nil {
		return o.status(err)
	}
	for _, n := range nodes {
		scrub := o.scrubThere
		if n.ID == o.self() {
			scrub = o.scrubHere
		}
		err := scrub(ctx, n, req, stream.Send)
		if ctx.Err() != nil {
			return o.status(context.Cause(ctx))
		}
		if err == nil {
			continue
		}
		if err := stream.Send(&eventnodev1.ScrubResponse{Node: string(n.ID), Done: true, Error: err.Error()}); err != nil {
			return err
		}
	}
	return nil
}

// chosen is the nodes with these names; all if there are none.
func (o *Operator) chosen(names []string) ([]Node, error) {
	nodes := slices.Clone(o.cfg.Peers.Nodes())
	slices.SortFunc(nodes, func(a, b Node) int { return strings.Compare(string(a.ID), string(b.ID)) })
	if len(nodes) == 0 {
		return nil, fmt.Errorf("no living node has storage: %w", eventnode.ErrUnavailable)
	}
	if len(names) == 0 {
		return nodes, nil
	}
	var chosen, all []string
	for _, n := range nodes {
		all = append(all, string(n.ID))
	}
	for _, name := range names {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("no living node %.80q has storage, these have: %s: %w", name, strings.Join(all, ", "), eventnode.ErrInvalidArgument)
		}
		chosen = append(chosen, name)
	}
	return slices.DeleteFunc(nodes, func(n Node) bool { return !slices.Contains(chosen, string(n.ID)) }), nil
}

// scrubThere has another node look.
func (o *Operator) scrubThere(ctx context.Context, n Node, req *eventnodev1.ScrubRequest, send func(*eventnodev1.ScrubResponse) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx, there, err := o.at(ctx, n.Address)
	if err != nil {
		return err
	}
	answers, err := there.Scrub(ctx, &eventnodev1.ScrubRequest{Nodes: []string{string(n.ID)}, BytesPerSecond: req.GetBytesPerSecond(), Repair: req.GetRepair()})
	for err == nil {
		var resp *eventnodev1.ScrubResponse
		if resp, err = answers.Recv(); err == nil {
			err = send(resp)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("it did not answer to the end: %s", status.Convert(apierr.ToStatus(err)).Message())
}

// scrubHere looks at this node's files.
func (o *Operator) scrubHere(ctx context.Context, n Node, req *eventnodev1.ScrubRequest, send func(*eventnodev1.ScrubResponse) error) error {
	select {
	case o.scrubbing <- struct{}{}:
		defer func() { <-o.scrubbing }()
	default:
		return errors.New("it is being scrubbed already: wait for that, or end it")
	}
	r, ok := o.replica()
	if !ok {
		return errors.New("it has no replica: it belongs to no cluster yet")
	}
	bytesPerSecond := cmp.Or(req.GetBytesPerSecond(), scrubRate)
	s := &scrub{o: o, send: send, resp: &eventnodev1.ScrubResponse{Node: string(n.ID)}}
	s.pace = newPace(ctx, bytesPerSecond, s.tell)
	o.cfg.Logger.Info("scrubbing", "bytes_per_second", bytesPerSecond)
	if err := s.run(ctx, r); err != nil {
		return err
	}
	o.cfg.Logger.Info("scrubbed", "bytes", s.pace.read, "rows", s.resp.GetRows(), "entries", s.resp.GetEntries(), "damaged", s.resp.GetDamaged())
	if req.GetRepair() && s.resp.GetDamaged() > 0 {
		if err := s.repair(ctx, r); err != nil {
			s.resp.Error = err.Error() // what was found stands beside it
		}
	}
	s.resp.Done = true
	return s.tell(s.pace.read)
}

// scrub is one look at this node's files.
type scrub struct {
	o    *Operator
	send func(*eventnodev1.ScrubResponse) error
	pace *pace
	resp *eventnodev1.ScrubResponse
	told int // damages
}

func (s *scrub) run(ctx context.Context, r *replica.Replica) error {
	s.small()
	s.resp.TotalBytes = r.LogFileBytes() + uint64(max(r.Status().StateBytes, 0))
	log, err := r.VerifyLog(s.pace.step, s.damage)
	s.resp.Entries = log.Entries
	if err != nil {
		return err
	}
	m, err := r.Moment(ctx)
	if err != nil {
		return fmt.Errorf("the state cannot be looked at: %w", err)
	}
	defer m.Release()
	s.resp.TotalBytes = s.pace.read + m.Bytes
	found, err := m.Verify(func(bytes int) error {
		s.resp.Rows++
		return s.pace.step(bytes)
	}, func(err error) { s.damage("state", err) })
	s.resp.Rows, s.resp.Events = found.Rows, found.Events
	return err
}

// small looks at the files that say who this node is.
func (s *scrub) small() {
	dir := s.o.cfg.Streams.cfg.Dir
	if _, _, err := identity.Read(dir); err != nil {
		s.damage("identity", err)
	}
	if _, err := forming.Load(dir); err != nil {
		s.damage("founding", err)
	}
}

// damage notes what is wrong.
func (s *scrub) damage(part string, err error) {
	s.o.cfg.Logger.Error("scrub has found damage", "part", part, "error", err)
	s.resp.Damaged++
	if s.told++; s.told <= maxTold {
		s.resp.Damages = append(s.resp.Damages, &eventnodev1.Damage{Part: part, Text: strings.ToValidUTF8(err.Error(), "\uFFFD")})
	}
}

// tell says how far it is, and what was found since the last time.
func (s *scrub) tell(read uint64) error {
	s.resp.ReadBytes = read
	err := s.send(s.resp)
	s.resp.Damages = nil
	return err
}
