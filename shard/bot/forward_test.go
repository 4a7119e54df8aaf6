package bot_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/shard/bot"
)

// answer is what a node does with a call.
type answer func(ctx context.Context, call *clusterv1.SourceCall, take func(*clusterv1.SourceResponse) error) error

// script is other nodes, each of which answers as it is told to.
type script struct {
	runners []eventnode.NodeID
	err     error // of who is asked for them
	answer  map[eventnode.NodeID]answer
	asked   []eventnode.NodeID
}

func (s *script) Call(ctx context.Context, node eventnode.NodeID, req *clusterv1.SourceRequest, take func(*clusterv1.SourceResponse) error) error {
	s.asked = append(s.asked, node)
	return s.answer[node](ctx, req.GetCall(), take)
}

func (s *script) service() *bot.Service {
	return bot.NewService(bot.ServiceConfig{
		Self:    "n9",
		Nodes:   s,
		Runners: func(context.Context, string) ([]eventnode.NodeID, error) { return s.runners, s.err },
		Sources: func(context.Context) ([]string, error) { return []string{"helper"}, s.err },
	})
}

// What nodes may do when they are asked.
func answers(value string) answer {
	return func(_ context.Context, _ *clusterv1.SourceCall, take func(*clusterv1.SourceResponse) error) error {
		body, err := proto.Marshal(&eventnodev1.SourceServiceLookUpResponse{Value: []byte(value)})
		return errors.Join(err, take(&clusterv1.SourceResponse{Answer: body}))
	}
}

func fails(err error) answer {
	return func(context.Context, *clusterv1.SourceCall, func(*clusterv1.SourceResponse) error) error {
		return apierr.FromStatus(apierr.ToStatus(err))
	}
}

func hangs(ctx context.Context, _ *clusterv1.SourceCall, _ func(*clusterv1.SourceResponse) error) error {
	<-ctx.Done()
	return fmt.Errorf("%w: %w", eventnode.ErrOutcomeUnknown, ctx.Err())
}

func silent(context.Context, *clusterv1.SourceCall, func(*clusterv1.SourceResponse) error) error {
	return nil
}

func garbage(_ context.Context, _ *clusterv1.SourceCall, take func(*clusterv1.SourceResponse) error) error {
	return take(&clusterv1.SourceResponse{Answer: []byte{0xff}})
}

// A node that does not run a source asks one that does, the next one if that is gone, three at
// most; what a node has answered, an error too, is the answer. That there is no such source is
// said only if nobody runs it.
func TestForward(t *testing.T) {
	gone := fails(fmt.Errorf("going: %w", eventnode.ErrUnavailable))
	moved := fails(eventnode.ErrSourceNotFound)
	for name, c := range map[string]struct {
		nodes []answer
		want  error
		asked int
	}{
		"the first answers":      {nodes: []answer{answers("yes"), gone, gone}, asked: 1},
		"the first is gone":      {nodes: []answer{gone, answers("yes"), gone}, asked: 2},
		"one is lost on the way": {nodes: []answer{fails(eventnode.ErrOutcomeUnknown), answers("yes"), gone}, asked: 2},
		"one has just left":      {nodes: []answer{moved, fails(eventnode.ErrClosed), answers("yes")}, asked: 3},
		"one hangs":              {nodes: []answer{hangs, answers("yes"), gone}, asked: 2},
		"one says nothing":       {nodes: []answer{silent, answers("yes"), gone}, asked: 2},
		"one talks nonsense":     {nodes: []answer{garbage, answers("yes"), gone}, asked: 2},
		"all are gone":           {nodes: []answer{gone, gone, moved}, want: eventnode.ErrUnavailable, asked: 3},
		"all hang":               {nodes: []answer{hangs, hangs, hangs}, want: eventnode.ErrUnavailable, asked: 3},
		"all have left":          {nodes: []answer{moved, moved, moved}, want: eventnode.ErrSourceNotFound, asked: 3},
		"no more than three":     {nodes: []answer{gone, gone, gone, answers("yes")}, want: eventnode.ErrUnavailable, asked: 3},
		"not cached":             {nodes: []answer{fails(eventnode.ErrNotCached), answers("yes"), gone}, want: eventnode.ErrNotCached, asked: 1},
		"unreachable":            {nodes: []answer{fails(eventnode.ErrCacheUnreachable), answers("yes"), gone}, want: eventnode.ErrCacheUnreachable, asked: 1},
		"nobody":                 {want: eventnode.ErrSourceNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answer: map[eventnode.NodeID]answer{}}
				order := askedOrder(t, len(c.nodes))
				for i, node := range order {
					s.answer[node] = c.nodes[i]
				}
				s.runners = slices.Sorted(slices.Values(order))
				resp, err := s.service().LookUp(t.Context(), &eventnodev1.SourceServiceLookUpRequest{Source: "helper"})
				if err = apierr.FromStatus(err); !errors.Is(err, c.want) || c.want == nil && string(resp.GetValue()) != "yes" {
					t.Errorf("%s, %v", resp.GetValue(), err)
				}
				if !slices.Equal(s.asked, order[:c.asked]) {
					t.Errorf("asked %v of %v", s.asked, order)
				}
			})
		})
	}
}

// askedOrder is in which order so many runners are asked; the first three are tried out.
func askedOrder(t *testing.T, n int) (order []eventnode.NodeID) {
	s := &script{answer: map[eventnode.NodeID]answer{}}
	for i := range n {
		id := eventnode.NodeID(fmt.Sprint("n", i+1))
		s.runners = append(s.runners, id)
		s.answer[id] = fails(eventnode.ErrUnavailable)
	}
	_, _ = s.service().LookUp(t.Context(), &eventnodev1.SourceServiceLookUpRequest{Source: "helper"})
	order = s.asked
	for _, id := range s.runners {
		if !slices.Contains(order, id) {
			order = append(order, id)
		}
	}
	return order
}

// A command that nobody has answered may have been taken: that is said, and not that nothing was
// done. One whose caller has given up asks nobody else.
func TestForwardCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{runners: []eventnode.NodeID{"n1"}, answer: map[eventnode.NodeID]answer{"n1": fails(eventnode.ErrOutcomeUnknown)}}
		_, err := s.service().StopShard(t.Context(), &eventnodev1.SourceServiceStopShardRequest{Source: "helper"})
		if err = apierr.FromStatus(err); !errors.Is(err, eventnode.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "node n1: ") {
			t.Error(err)
		}
		s.runners, s.asked, s.answer["n1"], s.answer["n2"] = []eventnode.NodeID{"n1", "n2"}, nil, hangs, hangs
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // longer than one that only reads would wait
		defer cancel()
		if _, err := s.service().StopShard(ctx, &eventnodev1.SourceServiceStopShardRequest{Source: "helper"}); err == nil || len(s.asked) != 1 {
			t.Errorf("asked %v, %v", s.asked, err)
		}
	})
}

// A name that no source can have is refused, and that the groups cannot be read is said.
func TestForwardBadName(t *testing.T) {
	s := &script{err: eventnode.ErrClosed}
	for _, name := range []string{"", "a b", strings.Repeat("x", 1000)} {
		_, err := s.service().ListShards(t.Context(), &eventnodev1.SourceServiceListShardsRequest{Source: name})
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("%.20q: %v", name, err)
		}
	}
	_, err := s.service().ListShards(t.Context(), &eventnodev1.SourceServiceListShardsRequest{Source: "helper"})
	if err = apierr.FromStatus(err); !errors.Is(err, eventnode.ErrClosed) {
		t.Error(err)
	}
	_, err = s.service().ListSources(t.Context(), &eventnodev1.SourceServiceListSourcesRequest{})
	if err = apierr.FromStatus(err); !errors.Is(err, eventnode.ErrClosed) {
		t.Error(err)
	}
}

// A call that another node passes on is answered or refused, whatever is in it, and goes no
// further.
func FuzzAnswer(f *testing.F) {
	body, _ := proto.Marshal(&eventnodev1.SourceServiceLookUpRequest{Source: "helper"})
	for _, method := range []string{"LookUp", "ListShards", "ListSources", "ListCache", "MoveShard", "Nothing"} {
		f.Add(method, body)
	}
	f.Add("LookUp", []byte{0xff})
	s := &script{runners: []eventnode.NodeID{"n1"}}
	service := s.service()
	f.Fuzz(func(t *testing.T, method string, body []byte) {
		err := service.Answer(t.Context(), &clusterv1.SourceRequest{
			What: &clusterv1.SourceRequest_Call{Call: &clusterv1.SourceCall{Method: method, Request: body}},
		}, func(*clusterv1.SourceResponse) error { return nil })
		if err == nil || len(s.asked) > 0 { // it runs none
			t.Errorf("%s: %v, asked %v", method, err, s.asked)
		}
	})
}
