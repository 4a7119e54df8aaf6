package bot

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/source"
)

// A call about a source that this node does not run goes over the link to one that does, and
// if that one is gone to the next. All calls may be made twice, so it does not matter whether
// the first one was heard. Each node begins with another runner, and stays with it as long as
// it answers: who asks twice is not told of the past.

const (
	// maxTries is how many nodes are asked, at most.
	maxTries = 3
	// tryTimeout bounds what one of them is waited for, where it only reads: it may have to
	// ask two others, one after the other, for cache.DefaultTimeout each.
	tryTimeout = 5 * time.Second
)

// call is a method of the service.
type call struct {
	method string
	wait   time.Duration // for one node; 0: it is a command, and waited for as long as the caller does
}

// asking is a request about a source.
type asking interface {
	proto.Message
	GetSource() string
}

// ask has this node answer, or one that runs the source.
func ask[Q asking, R proto.Message](ctx context.Context, s *Service, c call, req Q, resp R, here func(context.Context, Q) (R, error)) (R, error) {
	if s.cfg.Bots[req.GetSource()] != nil {
		return here(ctx, req)
	}
	return resp, apierr.ToStatus(s.forward(ctx, c, req, resp))
}

// forward has others answer, one after the other, until one does.
func (s *Service) forward(ctx context.Context, c call, req asking, resp proto.Message) error {
	name := req.GetSource()
	if err := source.CheckName(name); err != nil {
		return err
	}
	nodes, err := s.cfg.Runners(ctx, name)
	if err != nil {
		return fmt.Errorf("who runs the source %s is not known: %w", name, err)
	}
	if len(nodes) == 0 {
		return fmt.Errorf("no node runs a source %s; ListSources names those that there are: %w", name, eventnode.ErrSourceNotFound)
	}
	body, err := proto.Marshal(req)
	if err != nil {
		return fmt.Errorf("%w: %w", eventnode.ErrInvalidArgument, err)
	}
	nodes = turned(nodes, s.cfg.Self)
	nodes = nodes[:min(len(nodes), maxTries)]
	var failed []error
	for _, node := range nodes {
		err := s.try(ctx, node, c, name, body, resp)
		if err == nil || ctx.Err() != nil || !gone(err) {
			return err
		}
		failed = append(failed, fmt.Errorf("node %s: %w", node, err))
	}
	return fmt.Errorf("no node that runs the source %s has answered, of %v: %w: %s", name, nodes, c.unanswered(failed), errors.Join(failed...).Error())
}

// unanswered is what it means that nobody has answered. Why each has not is for people.
func (c call) unanswered(failed []error) error {
	isNot := func(err error) bool { return !errors.Is(err, eventnode.ErrSourceNotFound) }
	lost := func(err error) bool { return errors.Is(err, eventnode.ErrOutcomeUnknown) }
	switch {
	case !slices.ContainsFunc(failed, isNot):
		return eventnode.ErrSourceNotFound
	case c.wait == 0 && slices.ContainsFunc(failed, lost):
		return eventnode.ErrOutcomeUnknown
	}
	return eventnode.ErrUnavailable
}

// try has one node answer.
func (s *Service) try(ctx context.Context, node eventnode.NodeID, c call, name string, body []byte, resp proto.Message) error {
	if c.wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.wait)
		defer cancel()
	}
	answered := false
	err := s.cfg.Nodes.Call(ctx, node, &clusterv1.SourceRequest{
		Source: name, What: &clusterv1.SourceRequest_Call{Call: &clusterv1.SourceCall{Method: c.method, Request: body}},
	}, func(part *clusterv1.SourceResponse) error {
		answered = true
		if err := proto.Unmarshal(part.GetAnswer(), resp); err != nil {
			return fmt.Errorf("its answer cannot be read: %w: %w", eventnode.ErrUnavailable, err)
		}
		return nil
	})
	if err == nil && !answered {
		return fmt.Errorf("it has said nothing: %w", eventnode.ErrUnavailable)
	}
	return err
}

// gone reports whether an error says that a node cannot answer, and another one may.
func gone(err error) bool {
	for _, target := range []error{
		eventnode.ErrUnavailable, eventnode.ErrOutcomeUnknown, eventnode.ErrSourceNotFound, eventnode.ErrClosed, context.DeadlineExceeded,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// turned is nodes in the order in which a node asks them.
func turned(nodes []eventnode.NodeID, self eventnode.NodeID) []eventnode.NodeID {
	h := fnv.New32a()
	_, _ = h.Write([]byte(self)) // it never fails
	at := int(h.Sum32() % uint32(len(nodes)))
	return append(append(make([]eventnode.NodeID, 0, len(nodes)), nodes[at:]...), nodes[:at]...)
}
