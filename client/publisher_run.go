package client

import (
	"context"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// bothWays describes a stream in both directions to gRPC.
var bothWays = grpc.StreamDesc{ClientStreams: true, ServerStreams: true}

// checkTopics is what can be checked without knowing the node: its kinds of topics
// and its limits come as refusals.
func checkTopics(topics []string) error {
	if len(topics) == 0 {
		return &eventnode.TopicError{Reason: "no topic was given"}
	}
	if len(topics) > wire.MaxTopics {
		return &eventnode.LimitError{Limit: "max_topics", Max: wire.MaxTopics, Got: len(topics)}
	}
	for _, topic := range topics {
		if reason := malformed(topic); reason != "" {
			return &eventnode.TopicError{Topic: topic, Reason: reason}
		}
	}
	return nil
}

// malformed says what is wrong with a topic of whatever kind; "" if nothing.
func malformed(topic string) string {
	kind, key, found := strings.Cut(topic, ":")
	switch {
	case !found || kind == "" || key == "":
		return "write kind:key"
	case !utf8.ValidString(topic):
		return "it is not valid UTF-8"
	}
	return ""
}

// run sends what is in the outbox until ctx ends, over one stream after the
// other.
func (p *publisher) run(ctx context.Context) {
	for failures := 0; ; {
		cn, err := p.work(ctx)
		if err != nil {
			p.out.close(err)
			return
		}
		answered, err := p.stream(ctx, cn)
		if permanent(err) && !answered {
			p.out.refuseAll(err)
		} else {
			p.out.broken(err)
		}
		if answered {
			failures = 0
		}
		if ctx.Err() == nil && !cn.isGoing() {
			p.c.opts.pause(ctx, failures)
			failures++
		}
	}
}

// work waits until there is something to send and a node to send it to. What
// waits when no node can be found is refused.
func (p *publisher) work(ctx context.Context) (*conn, error) {
	for {
		if err := p.something(ctx); err != nil {
			return nil, err
		}
		cn, err := p.c.await(ctx)
		if err == nil || ctx.Err() != nil || errors.Is(err, eventnode.ErrClosed) {
			return cn, err
		}
		p.out.refuseAll(err)
	}
}

// something waits until there is something to send.
func (p *publisher) something(ctx context.Context) error {
	for p.out.empty() {
		select {
		case <-p.out.wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// stream is one stream, from its first event to its end. It reports whether the
// node answered anything.
func (p *publisher) stream(ctx context.Context, cn *conn) (answered bool, err error) {
	streamCtx, cancel := context.WithCancel(ctx)
	defer cn.begin()()
	defer cancel()
	s, err := cn.stream(streamCtx, &bothWays, eventnodev1.DispatchService_DispatchStream_FullMethodName)
	if err != nil {
		return false, cn.failure(ctx, err)
	}
	p.out.begin()
	ended := make(chan struct{})
	var answerErr error
	go func() {
		defer close(ended)
		answered, answerErr = p.answers(s)
	}()
	err = p.send(streamCtx, cn, s, ended)
	if err != nil {
		cancel()
	}
	<-ended
	if err == nil {
		err = answerErr
	}
	return answered, cn.failure(ctx, err)
}

// send sends frames until the stream ends: the reason is then with the answers,
// and send returns nil. If the node goes away it is the last that this stream sends.
func (p *publisher) send(ctx context.Context, cn *conn, s grpc.ClientStream, ended <-chan struct{}) error {
	var frame wire.Frame
	for {
		if cn.isGoing() {
			return s.CloseSend()
		}
		for b := p.out.take(); b != nil; b = p.out.take() {
			frame.Own = b
			if err := s.SendMsg(&frame); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if cn.isGoing() {
				break
			}
		}
		select {
		case <-p.out.wake:
		case <-cn.going:
		case <-ended:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// answers reads the node's answers until the stream ends.
func (p *publisher) answers(s grpc.ClientStream) (answered bool, err error) {
	for {
		var r eventnodev1.DispatchStreamResponse
		if err := s.RecvMsg(&r); err != nil {
			return answered, err
		}
		if err := p.out.answer(&r); err != nil {
			return answered, err
		}
		answered = true
	}
}
