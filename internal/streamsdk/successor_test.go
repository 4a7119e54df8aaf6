package streamsdk

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/streamsdk/sdktest"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// deposed is a cluster whose nodes lead no more, but for one: each refuses the first
// request on a pipe, names the leader that next says, and ends the pipe.
type deposed struct {
	Backend
	leader string
	next   map[string]string

	mu     sync.Mutex
	opened []string
}

func (d *deposed) Pipe(ctx context.Context, address string) (Pipe, error) {
	d.mu.Lock()
	d.opened = append(d.opened, address)
	d.mu.Unlock()
	if address == d.leader {
		return d.Backend.Pipe(ctx, "")
	}
	ctx, cancel := context.WithCancel(ctx)
	return &refusing{ctx: ctx, cancel: cancel, next: d.next[address], sent: make(chan struct{}, requestsInFlight)}, nil
}

// addresses are the pipes that were opened, in their order.
func (d *deposed) addresses() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.opened)
}

// refusing is a pipe to who leads no more.
type refusing struct {
	ctx    context.Context //nolint:containedctx // of this one call
	cancel context.CancelFunc
	next   string
	sent   chan struct{}
	ended  bool
}

func (r *refusing) Send(*[]byte) error {
	r.sent <- struct{}{}
	return nil
}

func (r *refusing) Recv() (*eventnodev1.PublishStreamResponse, error) {
	if r.ended {
		return nil, eventnode.ErrUnavailable
	}
	select {
	case <-r.sent:
	case <-r.ctx.Done():
		return nil, r.ctx.Err()
	}
	r.ended = true
	return &eventnodev1.PublishStreamResponse{LeaderAddress: r.next,
		Results: []*eventnodev1.PublishResult{{ErrorReason: apierr.Reason(eventnode.ErrUnavailable)}}}, nil
}

func (r *refusing) Close() { r.cancel() }

// streamsOf is a Streams of which the test waits for the end.
func streamsOf(t *testing.T, backend Backend, patience time.Duration) *Streams {
	ctx, stop := context.WithCancelCause(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() {
		stop(eventnode.ErrClosed)
		wg.Wait()
	})
	return New(Config{Backend: backend, Context: ctx, Patience: patience, Start: func(f func()) error {
		wg.Go(f)
		return nil
	}})
}

// Who leads no more says who does: the batch goes there next, nowhere in between, and
// without the pause before a retry (time is virtual).
func TestTheLeaderThatIsNamedIsNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sdktest.NewCluster("n1")
		d := &deposed{Backend: Local(c.Node("n1")), leader: "n1", next: map[string]string{"": "n1"}}
		s := streamsOf(t, d, time.Minute)
		if _, err := s.Declare(t.Context(), "a", eventnode.StreamConfig{}); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if _, err := s.Publish(t.Context(), "a", event.New("1", nil)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took >= retryMin {
			t.Errorf("it took %v", took)
		}
		if got, want := d.addresses(), []string{"", "n1"}; !slices.Equal(got, want) {
			t.Errorf("opened %q, want %q", got, want)
		}
	})
}

// Nodes that name each other are not asked again and again without a pause.
func TestLeadersThatNameEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sdktest.NewCluster("n1")
		d := &deposed{Backend: Local(c.Node("n1")), leader: "nobody", next: map[string]string{"": "n1", "n1": "n2", "n2": "n1"}}
		s := streamsOf(t, d, time.Second)
		if _, err := s.Declare(t.Context(), "a", eventnode.StreamConfig{}); err != nil {
			t.Fatal(err)
		}
		_, err := s.Publish(t.Context(), "a", event.New("1", nil))
		if !errors.Is(err, eventnode.ErrUnavailable) {
			t.Error(err)
		}
		if n := len(d.addresses()); n > 60 {
			t.Errorf("%d pipes were opened in a second", n)
		}
	})
}

// paused is a cluster whose old leader takes requests and says nothing any more, as a
// process that was stopped does.
type paused struct {
	Backend
	leader, stopped atomic.Value // addresses
}

func (b *paused) Pipe(ctx context.Context, address string) (Pipe, error) {
	inner, err := b.Backend.Pipe(ctx, "")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	return &pausedPipe{Pipe: inner, ctx: ctx, cancel: cancel, leader: b.leader.Load, is: func() bool { return address == b.stopped.Load() }}, nil
}

type pausedPipe struct {
	Pipe
	ctx    context.Context //nolint:containedctx // of this one call
	cancel context.CancelFunc
	leader func() any // that its answers name
	is     func() bool
}

func (p *pausedPipe) Send(request *[]byte) error {
	if p.is() {
		return nil
	}
	return p.Pipe.Send(request)
}

func (p *pausedPipe) Recv() (*eventnodev1.PublishStreamResponse, error) {
	r, err := p.Pipe.Recv()
	if p.is() {
		<-p.ctx.Done()
		return nil, p.ctx.Err()
	}
	if err == nil {
		r.LeaderAddress, _ = p.leader().(string)
	}
	return r, err
}

func (p *pausedPipe) Close() {
	p.cancel()
	p.Pipe.Close()
}

// A leader that is stopped, and whose connection stands, holds publishing up for as long
// as it takes to give it up, and no longer; nothing stands there twice.
func TestALeaderThatSaysNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sdktest.NewCluster("n1", "n2")
		c.Lead("n2")
		b := &paused{Backend: Local(c.Node("n1"))}
		b.leader.Store("n2")
		s := streamsOf(t, b, time.Minute)
		if _, err := s.Declare(t.Context(), "a", eventnode.StreamConfig{}); err != nil {
			t.Fatal(err)
		}
		publish := func(name string) {
			t.Helper()
			if _, err := s.Publish(t.Context(), "a", event.New(name, nil)); err != nil {
				t.Fatal(err)
			}
		}
		publish("1")
		synctest.Wait() // it has heard where the leader is, and has a pipe to there
		publish("2")
		synctest.Wait()
		b.stopped.Store("n2")
		b.leader.Store("")
		c.Lead("n1")
		begun := time.Now()
		publish("3")
		if took := time.Since(begun); took < silence/2 || took > 2*silence {
			t.Errorf("it took %v", took)
		}
		publish("4")
		var got []string
		for ev, err := range s.Read(t.Context(), "a") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, ev.Event.Name)
		}
		if want := []string{"1", "2", "3", "4"}; !slices.Equal(got, want) {
			t.Errorf("the stream has %v, want %v", got, want)
		}
	})
}
