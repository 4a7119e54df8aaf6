package streams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// got is what a read gave.
type got struct {
	names     []string
	positions []eventnode.Position
	numbers   []uint64
	lost      uint64
	end       bool
	responses int
}

// add takes a response in, and checks that its slices fit its envelopes.
func (g *got) add(t testing.TB, m *eventnodev1.ReadResponse) {
	t.Helper()
	g.responses++
	g.lost += m.GetLost()
	g.end = m.GetEnd()
	for _, e := range m.GetEnvelopes() {
		g.names = append(g.names, e.GetEvent().GetName())
	}
	for _, s := range m.GetSlices() {
		for i := range uint64(s.GetCount()) {
			g.positions = append(g.positions, eventnode.Position{MS: s.GetFirst().GetMs(), Seq: s.GetFirst().GetSeq() + i})
			g.numbers = append(g.numbers, s.GetNumber()+i)
		}
	}
	if len(g.positions) != len(g.names) || !slices.IsSortedFunc(g.positions, eventnode.Position.Compare) {
		t.Errorf("%d names, positions %v", len(g.names), g.positions)
	}
}

// read reads to the end of the call.
func (n *testNode) read(t testing.TB, req *eventnodev1.ReadRequest) (g got) {
	t.Helper()
	stream, err := n.api.Read(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return g
		}
		if err != nil {
			t.Fatal(err)
		}
		g.add(t, m)
	}
}

func (n *testNode) names(t testing.TB, req *eventnodev1.ReadRequest) []string {
	t.Helper()
	return n.read(t, req).names
}

// Where a read begins, and where it ends.
func TestReadFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := alone(t, nil)
		a := streamName("a")
		n.declare(t, "a", &eventnodev1.StreamConfig{Retain: eventnodev1.Retain_RETAIN_LIMITS, MaxCount: 7})
		n.declare(t, "empty", nil)
		begun := time.Now()
		var at []*eventnodev1.Position
		for i := range 3 { // 0 to 8, of which 0 and 1 go
			time.Sleep(time.Second)
			at = append(at, n.publish(t, "a", events(fmt.Sprint(3*i), fmt.Sprint(3*i+1), fmt.Sprint(3*i+2))...))
		}
		seventh := &eventnodev1.Position{Ms: at[2].GetMs(), Seq: at[2].GetSeq() + 1}
		behind := &eventnodev1.Position{Ms: at[2].GetMs(), Seq: at[2].GetSeq() + 2}
		gone := &eventnodev1.Position{Ms: at[0].GetMs(), Seq: at[0].GetSeq() + 1}
		for name, c := range map[string]struct {
			req  *eventnodev1.ReadRequest
			want string
			lost uint64
			end  bool
		}{
			"the beginning":     {&eventnodev1.ReadRequest{}, "2345678", 0, true},
			"limit":             {&eventnodev1.ReadRequest{Limit: 3}, "234", 0, false},
			"limit at the end":  {&eventnodev1.ReadRequest{Limit: 7}, "2345678", 0, true},
			"position":          {&eventnodev1.ReadRequest{From: &eventnodev1.ReadRequest_Position{Position: at[1]}}, "345678", 0, true},
			"in the middle":     {&eventnodev1.ReadRequest{From: &eventnodev1.ReadRequest_Position{Position: seventh}}, "78", 0, true},
			"0-0":               {&eventnodev1.ReadRequest{From: &eventnodev1.ReadRequest_Position{Position: &eventnodev1.Position{}}}, "2345678", 2, true},
			"gone":              {&eventnodev1.ReadRequest{From: &eventnodev1.ReadRequest_Position{Position: gone}}, "2345678", 0, true},
			"after":             {&eventnodev1.ReadRequest{From: &eventnodev1.ReadRequest_After{After: at[1]}}, "45678", 0, true},
			"after 0-0":         {&eventnodev1.ReadRequest{From: &eventnodev1.ReadRequest_After{After: &eventnodev1.Position{}}}, "2345678", 2, true},
			"after the last":    {&eventnodev1.ReadRequest{From: &eventnodev1.ReadRequest_After{After: behind}}, "", 0, true},
			"after the highest": {&eventnodev1.ReadRequest{From: &eventnodev1.ReadRequest_After{After: &eventnodev1.Position{Ms: at[1].GetMs(), Seq: 1<<64 - 1}}}, "678", 0, true},
			"time":              {&eventnodev1.ReadRequest{From: &eventnodev1.ReadRequest_Time{Time: timestamppb.New(begun.Add(2500 * time.Millisecond))}}, "678", 0, true},
			"time, not whole":   {&eventnodev1.ReadRequest{From: &eventnodev1.ReadRequest_Time{Time: timestamppb.New(time.UnixMilli(at[1].GetMs()).Add(1))}}, "678", 0, true},
			"future":            {&eventnodev1.ReadRequest{From: &eventnodev1.ReadRequest_Time{Time: timestamppb.New(begun.Add(time.Hour))}}, "", 0, true},
			"last":              {&eventnodev1.ReadRequest{From: &eventnodev1.ReadRequest_Last{Last: 2}}, "78", 0, true},
			"last of more":      {&eventnodev1.ReadRequest{From: &eventnodev1.ReadRequest_Last{Last: 100}}, "2345678", 0, true},
			"last of none":      {&eventnodev1.ReadRequest{From: &eventnodev1.ReadRequest_Last{}}, "", 0, true},
		} {
			c.req.Stream = a
			g := n.read(t, c.req)
			if s := strings.Join(g.names, ""); s != c.want || g.lost != c.lost || g.end != c.end {
				t.Errorf("%s: got %q, lost %d, end %v", name, s, g.lost, g.end)
			}
			for i, number := range g.numbers {
				if g.names[i] != fmt.Sprint(number-1) {
					t.Errorf("%s: event %s has number %d", name, g.names[i], number)
				}
			}
		}
		if g := n.read(t, &eventnodev1.ReadRequest{Stream: streamName("empty")}); len(g.names) > 0 || !g.end || g.responses != 1 {
			t.Errorf("%+v", g)
		}
		wantStatus(t, n.readAll(t.Context(), &eventnodev1.ReadRequest{Stream: streamName("b")}), codes.NotFound, eventnode.ErrStreamNotFound)
		bad := &eventnodev1.ReadRequest{Stream: a, From: &eventnodev1.ReadRequest_Time{Time: &timestamppb.Timestamp{Nanos: -1}}}
		wantStatus(t, n.readAll(t.Context(), bad), codes.InvalidArgument, eventnode.ErrInvalidArgument)
	})
}

// Responses are bounded, whatever the sizes of events and batches.
func TestResponsesAreBounded(t *testing.T) {
	n, _ := alone(t, nil)
	n.declare(t, "a", nil)
	var want []string
	add := func(count, size int) {
		var envelopes []*eventnodev1.Envelope
		for range count {
			envelopes = append(envelopes, sized(fmt.Sprint(len(want)), size))
			want = append(want, fmt.Sprint(len(want)))
		}
		n.publish(t, "a", envelopes...)
	}
	for range 20 {
		add(1, 10)
	}
	add(1000, 3000) // a chunk of 3 MB
	add(1, 1_000_000)
	for range 10 {
		add(3, 60_000)
	}
	stream, err := n.api.Read(t.Context(), &eventnodev1.ReadRequest{Stream: streamName("a")})
	if err != nil {
		t.Fatal(err)
	}
	var g got
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		g.add(t, m)
		size := 0
		for _, e := range m.GetEnvelopes() {
			size += len(e.GetEvent().GetData()) + 30
		}
		if size > frameBytes && len(m.GetEnvelopes()) > 1 {
			t.Errorf("a response of %d events, %d bytes", len(m.GetEnvelopes()), size)
		}
	}
	if !slices.Equal(g.names, want) || !g.end {
		t.Errorf("got %d of %d events, end %v", len(g.names), len(want), g.end)
	}
	for i, number := range g.numbers {
		if number != uint64(i+1) {
			t.Fatalf("event %d has number %d", i, number)
		}
	}
}

// A reader that follows sees what is published later, in order, and is told each
// time that this was all.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, m := alone(t, nil)
		n.declare(t, "a", nil)
		n.declare(t, "b", nil)
		n.publish(t, "a", events("0")...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		stream, err := n.api.Read(ctx, &eventnodev1.ReadRequest{Stream: streamName("a"), Follow: true, Limit: 4})
		if err != nil {
			t.Fatal(err)
		}
		var g got
		for i := range 4 {
			m, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if g.add(t, m); !g.end || len(m.GetEnvelopes()) != 1 {
				t.Errorf("%v", m)
			}
			n.publish(t, "b", events("not of this stream")...)
			time.Sleep(time.Minute)
			n.publish(t, "a", events(fmt.Sprint(i+1))...)
		}
		if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		if !slices.Equal(g.names, []string{"0", "1", "2", "3"}) {
			t.Errorf("got %v", g.names)
		}
		if v := m.views.Load(); v != 0 {
			t.Errorf("%d views are open", v)
		}
	})
}

// A reader that follows ends with the leader it reads from, with its stream, and
// with its caller.
func TestFollowEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(n *testNode, m *memory, cancel func())
		code codes.Code
		want error
	}{
		"leader":   {func(_ *testNode, m *memory, _ func()) { m.leads.Store(false) }, codes.Unavailable, eventnode.ErrUnavailable},
		"stream":   {func(n *testNode, _ *memory, _ func()) { n.remove("a") }, codes.NotFound, eventnode.ErrStreamNotFound},
		"the call": {func(_ *testNode, _ *memory, cancel func()) { cancel() }, codes.Canceled, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, m := alone(t, nil)
				n.declare(t, "a", nil)
				ctx, cancel := context.WithCancel(aMinute(t))
				defer cancel()
				stream, err := n.api.Read(ctx, &eventnodev1.ReadRequest{Stream: streamName("a"), Follow: true})
				if err != nil {
					t.Fatal(err)
				}
				if m, err := stream.Recv(); err != nil || !m.GetEnd() {
					t.Fatal(m, err)
				}
				begun := time.Now()
				c.end(n, m, cancel)
				_, err = stream.Recv()
				wantStatus(t, err, c.code, c.want)
				if took := time.Since(begun); took > time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func (n *testNode) remove(stream string) {
	_, _ = n.api.DeleteStream(context.Background(), &eventnodev1.DeleteStreamRequest{Stream: streamName(stream)})
}

// A client that does not read holds nothing of the state, and is told what
// retention removed meanwhile.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, m := alone(t, nil)
		n.declare(t, "a", &eventnodev1.StreamConfig{Retain: eventnodev1.Retain_RETAIN_LIMITS, MaxCount: 100})
		publish := func(from, count int) {
			for i := range count {
				n.publish(t, "a", sized(fmt.Sprint(from+i), 50_000))
			}
		}
		publish(0, 100)
		stream, err := n.api.Read(aMinute(t), &eventnodev1.ReadRequest{Stream: streamName("a"), Follow: true, Limit: 300})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // flow control holds it up now
		if v := m.views.Load(); v != 0 {
			t.Errorf("%d views are open", v)
		}
		publish(100, 100)
		var g got
		for !g.end || len(g.names) == 0 {
			m, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			g.add(t, m)
		}
		if g.lost == 0 || len(g.names)+int(g.lost) != 200 || g.numbers[len(g.numbers)-1] != 200 || g.names[0] != "0" {
			t.Errorf("lost %d, got %d", g.lost, len(g.names))
		}
		n.remove("a")
		if _, err := stream.Recv(); err == nil {
			t.Error("it goes on")
		}
	})
}
