package sdktest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// pageStreams is how many streams a page has: few, so that tests meet several.
const pageStreams = 2

var errNoLeader = fmt.Errorf("there is no leader: %w", eventnode.ErrUnavailable)

// errCut is what a client sees of a broken connection.
func errCut() error { return status.Error(codes.Unavailable, "connection reset") }

// enter holds mu, unless there is no leader.
func (c *Cluster) enter() error {
	c.mu.Lock()
	if c.leader == "" {
		c.mu.Unlock()
		return apierr.ToStatus(errNoLeader)
	}
	return nil
}

// awaitLeader waits for a leader, but not for long: as a node does with a stream, of which
// it has read nothing yet.
func (c *Cluster) awaitLeader(ctx context.Context) error {
	for range 25 {
		if c.enter() == nil {
			c.mu.Unlock()
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return apierr.ToStatus(errNoLeader)
}

// address is where the leader is, if not here. The caller holds mu.
func (n *Node) address() string {
	if n.c.leader == n.name {
		return ""
	}
	return n.c.leader
}

func normal(c *eventnodev1.StreamConfig) (*eventnodev1.StreamConfig, error) {
	c = proto.CloneOf(c)
	switch {
	case c.GetRetain() != eventnodev1.Retain_RETAIN_ACKED && c.GetRetain() != eventnodev1.Retain_RETAIN_LIMITS:
		return nil, fmt.Errorf("unknown retain: %w", eventnode.ErrInvalidArgument)
	case c.GetRetain() == eventnodev1.Retain_RETAIN_ACKED && (c.GetMaxAge() != nil || c.GetMaxCount() > 0):
		return nil, fmt.Errorf("max_age and max_count are for retain limits: %w", eventnode.ErrInvalidArgument)
	}
	c.Pool = cmp.Or(c.GetPool(), eventnode.DefaultPool)
	c.DedupeMax = cmp.Or(c.GetDedupeMax(), uint64(eventnode.DefaultDedupeMax))
	if c.GetDedupeWindow() == nil {
		c.DedupeWindow = durationpb.New(eventnode.DefaultDedupeWindow)
	}
	slices.Sort(c.Groups)
	return c, nil
}

// DeclareStream makes a stream.
func (n *Node) DeclareStream(_ context.Context, req *eventnodev1.DeclareStreamRequest) (*eventnodev1.DeclareStreamResponse, error) {
	if err := n.c.enter(); err != nil {
		return nil, err
	}
	defer n.c.mu.Unlock()
	key := nameOf(req.GetStream())
	cfg, err := normal(req.GetConfig())
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	s := n.c.streams[key]
	switch {
	case s == nil:
		if _, err := n.c.pool(cfg.GetPool()); err != nil {
			return nil, apierr.ToStatus(err)
		}
		n.c.streams[key] = &stream{name: key, config: cfg, created: n.c.now(), producers: make(map[string]producer), known: make(map[string]bool), handed: make(map[string]map[uint64]*handed)}
		return &eventnodev1.DeclareStreamResponse{Created: true, Config: cfg}, nil
	case req.GetFresh():
		return nil, apierr.ToStatus(eventnode.StreamExists(key.String()))
	}
	groups := merged(s.config.GetGroups(), cfg.GetGroups())
	old := proto.CloneOf(s.config)
	old.Groups, cfg.Groups = nil, nil
	if !proto.Equal(old, cfg) {
		return nil, apierr.ToStatus(&eventnode.StreamError{Stream: key.String(), Err: eventnode.ErrStreamDiffers,
			Reason: fmt.Sprintf("stream %s is there as %v", key, old)})
	}
	s.config.Groups = groups
	return &eventnodev1.DeclareStreamResponse{Config: s.config}, nil
}

func merged(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// find returns a stream. The caller holds mu.
func (c *Cluster) find(n *eventnodev1.StreamName) (*stream, error) {
	if s := c.streams[nameOf(n)]; s != nil {
		return s, nil
	}
	return nil, apierr.ToStatus(eventnode.StreamNotFound(nameOf(n).String()))
}

// UpdateStream changes a stream.
func (n *Node) UpdateStream(_ context.Context, req *eventnodev1.UpdateStreamRequest) (*eventnodev1.UpdateStreamResponse, error) {
	if err := n.c.enter(); err != nil {
		return nil, err
	}
	defer n.c.mu.Unlock()
	s, err := n.c.find(req.GetStream())
	if err != nil {
		return nil, err
	}
	cfg, err := normal(req.GetConfig())
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	cfg.Groups = merged(s.config.GetGroups(), cfg.GetGroups())
	s.config = cfg
	s.trim(n.c.now())
	return &eventnodev1.UpdateStreamResponse{Config: cfg}, nil
}

// DeleteStream removes a stream.
func (n *Node) DeleteStream(_ context.Context, req *eventnodev1.DeleteStreamRequest) (*eventnodev1.DeleteStreamResponse, error) {
	if err := n.c.enter(); err != nil {
		return nil, err
	}
	defer n.c.mu.Unlock()
	s, err := n.c.find(req.GetStream())
	if err != nil {
		return nil, err
	}
	n.c.stamp = max(n.c.now(), s.last.MS)
	delete(n.c.streams, s.name)
	n.c.change()
	return &eventnodev1.DeleteStreamResponse{}, nil
}

// ListStreams lists streams.
func (n *Node) ListStreams(_ context.Context, req *eventnodev1.ListStreamsRequest) (*eventnodev1.ListStreamsResponse, error) {
	if err := n.c.enter(); err != nil {
		return nil, err
	}
	defer n.c.mu.Unlock()
	var names []string
	for k := range n.c.streams {
		if k.namespace == req.GetNamespace() && (req.GetAfter() == nil || k.name > req.GetAfter().GetName()) {
			names = append(names, k.name)
		}
	}
	slices.Sort(names)
	r := &eventnodev1.ListStreamsResponse{More: len(names) > pageStreams}
	for _, k := range names[:min(len(names), pageStreams)] {
		r.Streams = append(r.Streams, n.describe(n.c.streams[name{req.GetNamespace(), k}]))
	}
	return r, nil
}

// StreamInfo says how a stream is.
func (n *Node) StreamInfo(_ context.Context, req *eventnodev1.StreamInfoRequest) (*eventnodev1.StreamInfoResponse, error) {
	if err := n.c.enter(); err != nil {
		return nil, err
	}
	defer n.c.mu.Unlock()
	s, err := n.c.find(req.GetStream())
	if err != nil {
		return nil, err
	}
	return &eventnodev1.StreamInfoResponse{Stream: n.describe(s)}, nil
}

func (n *Node) describe(s *stream) *eventnodev1.StreamDescription {
	d := &eventnodev1.StreamDescription{
		Stream: &eventnodev1.StreamName{Namespace: s.name.namespace, Name: s.name.name}, Config: s.config,
		Created: timestamppb.New(time.UnixMilli(s.created)), Count: uint64(len(s.events)), Bytes: s.bytes(), Published: s.published,
		Partition: 1, Leader: n.c.leader, LeaderAddress: n.c.leader,
	}
	if s.published > 0 {
		d.Last = positionOf(s.last)
	}
	if len(s.events) > 0 {
		d.First = positionOf(s.events[0].position)
	}
	return d
}

// PublishStream is a producer.
func (n *Node) PublishStream(stream grpc.BidiStreamingServer[eventnodev1.PublishStreamRequest, eventnodev1.PublishStreamResponse]) error {
	n.c.set(func() { n.opened++ })
	if err := n.c.awaitLeader(stream.Context()); err != nil {
		return err
	}
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	for {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		var held chan struct{}
		if n.c.set(func() { held = n.c.held }); held != nil {
			select {
			case <-held:
			case <-stream.Context().Done():
				return stream.Context().Err()
			}
		}
		r, end := n.apply(req)
		if r == nil {
			return errCut()
		}
		if err := stream.Send(r); err != nil {
			return err
		}
		if end != nil {
			return end
		}
	}
}

// apply applies a request. The answer is nil if the connection is to break, end is
// set if the stream is to end behind it.
func (n *Node) apply(req *eventnodev1.PublishStreamRequest) (r *eventnodev1.PublishStreamResponse, end error) {
	c := n.c
	c.mu.Lock()
	defer c.mu.Unlock()
	r = &eventnodev1.PublishStreamResponse{LeaderAddress: n.address()}
	c.requests++
	for _, b := range req.GetBatches() {
		if c.leader == "" {
			r.Results = append(r.Results, refusal(errNoLeader))
			end = apierr.ToStatus(errNoLeader)
			continue
		}
		result := c.publish(b)
		if c.unclear > 0 {
			c.unclear--
			result = refusal(fmt.Errorf("lost the leader: %w", eventnode.ErrOutcomeUnknown))
		}
		r.Results = append(r.Results, result)
	}
	c.change()
	if c.drops > 0 {
		c.drops--
		return nil, nil
	}
	return r, end
}

// Read sends events.
func (n *Node) Read(req *eventnodev1.ReadRequest, stream grpc.ServerStreamingServer[eventnodev1.ReadResponse]) error {
	r := &reader{c: n.c, req: req}
	for {
		m, moved, err := r.next()
		if err != nil {
			return err
		}
		if m != nil {
			if err := stream.Send(m); err != nil {
				return err
			}
		}
		switch {
		case r.cut:
			return errCut()
		case r.done:
			return nil
		case moved == nil:
			continue
		}
		select {
		case <-moved:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}
