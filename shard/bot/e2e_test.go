package bot_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/source"
)

// How many payloads there are, of which nearly each becomes an event: in all, and while
// shards move. Under the race detector and with -short there are fewer.
const (
	allPayloads, movingPayloads        = 200_000, 20_000
	shortPayloads, shortMoving         = 20_000, 5_000
	ahead                              = 1_000 // payloads that the gateway is ahead of consumers, at most
	pace                               = 1_000 // payloads a second of each shard, at most, while shards move
	allIntents                         = 1<<16 - 1
	heapRoom                    uint64 = 96 << 20
)

// flow is a world whose gateway has a lot to say, with a ledger for each shard.
type flow struct {
	*world
	ledgers []*ledger
	traffic []*traffic
	ctx     context.Context
}

func newFlow(t *testing.T) *flow {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	f := &flow{}
	for s := range shards {
		f.ledgers = append(f.ledgers, newLedger())
		var mine []int
		for g := range guilds {
			if int(guildID(g)>>22)%shards == s {
				mine = append(mine, g)
			}
		}
		f.traffic = append(f.traffic, newTraffic(seed, mine...))
	}
	var end context.CancelFunc
	f.ctx, end = context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(end)
	f.world = newWorldOf(t, worldConfig{
		intents: allIntents, handlers: f.handlers, keeps: sessions.Config{ReplayEvents: 4 * ahead, ReplayBytes: 64 << 20},
	})
	for i := range shards {
		f.where(i)
	}
	return f
}

// handlers are a node's: they see each event on the node where its shard is.
func (f *flow) handlers(at int) *source.Handlers {
	h, err := source.NewHandlers(source.HandlersConfig{Mode: source.Sequential})
	if err == nil {
		err = h.Default(func(_ context.Context, e source.Event) error {
			l := f.ledgers[e.Origin.Shard]
			if err := l.handle(at, e); err != nil {
				l.fail(err)
			}
			return nil
		})
	}
	if err != nil {
		panic(err)
	}
	return h
}

// say has the gateway say so many payloads to each shard, at once; and if there is a pause
// between them, more until a channel is closed.
func (f *flow) say(payloads int, pause time.Duration, until <-chan struct{}) error {
	g, ctx := errgroup.WithContext(f.ctx)
	for s := range shards {
		g.Go(func() error {
			for i := 0; i < payloads/shards || open(until); i++ {
				if err := f.sayOne(ctx, s); err != nil {
					return err
				}
				if pause > 0 {
					time.Sleep(pause) // it is how fast things happen, and nothing waits for it
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// open reports whether a channel is there and not closed.
func open(until <-chan struct{}) bool {
	select {
	case <-until:
		return false
	default:
		return until != nil
	}
}

func (f *flow) sayOne(ctx context.Context, shard int) error {
	guild, p := f.traffic[shard].next()
	if err := f.ledgers[shard].room(ctx, ahead); err != nil {
		return err
	}
	f.ledgers[shard].add(p)
	_, err := f.from.api.Dispatch(ctx, "guild:"+guild, p.name, json.RawMessage(p.sent))
	return err
}

// all waits until consumers have everything that was said.
func (f *flow) all() {
	f.t.Helper()
	for _, l := range f.ledgers {
		if err := l.caughtUp(f.ctx); err != nil {
			f.t.Fatal(err)
		}
	}
}

// during does something while the gateway goes on to say things, from before on until after,
// and waits until consumers have all of it.
func (f *flow) during(payloads int, do func()) {
	f.t.Helper()
	l := f.ledgers[0]
	begin := l.end()
	said, done := make(chan error, 1), make(chan struct{})
	go func() {
		err := f.say(payloads, time.Second/pace, done)
		if err != nil {
			l.fail(err)
		}
		said <- err
	}()
	if err := l.wait(f.ctx, "some is said", func() bool { return l.first+len(l.entries)-begin > pace/10 }); err != nil {
		f.t.Fatal(err)
	}
	do()
	close(done)
	if err := <-said; err != nil {
		f.t.Fatal(err)
	}
	f.all()
}

// watchHeap has the greatest heap told by the function that it returns.
func watchHeap() (most func() uint64) {
	var peak uint64
	end := background(func(ctx context.Context) {
		for ctx.Err() == nil {
			peak = max(peak, heap())
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	return func() uint64 { end(); return peak }
}

// N2, N5, N6, N11, N13x, N15x: three nodes take in what our gateway says, of all kinds.
// Consumers on every node get each event once, in the order of its shard, old and new being
// what a plain model says; also while a shard is moved, its node is stopped and comes back.
// One that takes 10 events a second gets the newest, and is told exactly how many it misses;
// one that may not miss any is told that it was too slow; and memory stays bounded. When a
// node is killed consumers get the rest, know what comes twice, and what is missing is told.
//
// 200,000 payloads; 20,000 with -short and under the race detector.
func TestEndToEnd(t *testing.T) {
	payloads, moving := allPayloads, movingPayloads
	if testing.Short() || underRace {
		payloads, moving = shortPayloads, shortMoving
	}
	f := newFlow(t)
	var all []*listener
	for i := range f.nodes {
		all = append(all, f.listener(f.ledgers, i, 0, eventnode.WithPolicy(eventnode.PolicyBlock), eventnode.WithQueue(1_000, 0)))
	}
	slow := f.listener(f.ledgers, 1, 100*time.Millisecond, eventnode.WithQueue(500, 0))
	slow.mayMiss.Store(true)
	never := f.consumer(2, eventnode.WithPolicy(eventnode.PolicyDisconnect), eventnode.WithQueue(500, 0))
	f.steady(payloads-2*moving, slow, never)
	for _, tr := range f.traffic {
		tr.still = true
	}
	all = f.moving(moving, all)
	f.killing(moving, all)
	for _, l := range f.ledgers {
		t.Logf("%d events: %v", l.total, l.names)
	}
}

// steady has nothing happen to the nodes.
func (f *flow) steady(payloads int, slow *listener, never *source.Consumer) {
	t := f.t
	t.Helper()
	if err := f.say(4*ahead, 0, nil); err != nil {
		t.Fatal(err)
	}
	f.all()
	runtime.GC()
	before, most := heap(), watchHeap()
	began := time.Now()
	if err := f.say(payloads-4*ahead, 0, nil); err != nil {
		t.Fatal(err)
	}
	f.all()
	peak := most()
	t.Logf("%d payloads in %v; the heap was %d MiB, and %d at most", payloads-4*ahead, time.Since(began), before>>20, peak>>20)
	if peak > before+heapRoom {
		t.Errorf("the heap has grown from %d to %d MiB", before>>20, peak>>20)
	}
	close(slow.hurry)
	eventually(t, "the slow consumer has got all that it was not told to have missed", func() error {
		got, skipped, total := slow.sums()
		told := slow.missed.Load()
		if told == 0 || skipped > told || got+told != total {
			return fmt.Errorf("it got %d events of %d, was told of %d that it missed, and saw by the numbers that %d were missing", got, total, told, skipped)
		}
		t.Logf("the slow consumer got %d events, and was told of %d that it missed, by %d gaps", got, told, slow.gaps.Load())
		return nil
	})
	slow.leave()
	for {
		if _, err := never.Receive(f.ctx); err != nil {
			if !errors.Is(err, eventnode.ErrSlowSubscriber) {
				t.Errorf("who never read is told %v", err)
			}
			break
		}
	}
}

// moving moves a shard, stops a node in good order and has it come back, while the gateway
// goes on. It returns who listens then.
func (f *flow) moving(payloads int, all []*listener) []*listener {
	t := f.t
	t.Helper()
	at := f.where(0)
	to := (at + 1) % 3
	f.during(payloads/2, func() {
		if err := f.nodes[at].Fleet().Move(f.ctx, 0, f.cfgs[to].ID); err != nil {
			t.Fatal(err)
		}
	})
	if now := f.where(0); now != to {
		t.Fatalf("the shard is on node %d, not %d", now, to)
	}
	all[to].leave()
	f.during(payloads/2, func() {
		f.stop(to)
		for i := range shards {
			if f.where(i) == to {
				t.Errorf("shard %d is on a node that was stopped", i)
			}
		}
		f.start(to)
		eventually(t, "the shard is back where it was moved to", func() error {
			if now := f.where(0); now != to {
				return fmt.Errorf("it is on node %d", now)
			}
			return nil
		})
	})
	all[to] = f.listener(f.ledgers, to, 0, eventnode.WithPolicy(eventnode.PolicyBlock), eventnode.WithQueue(1_000, 0))
	for _, l := range all {
		for s, r := range l.readers {
			if r.repeats > 0 || r.missed > 0 || l.lost.Load() > 0 {
				t.Errorf("node %d, shard %d: %d events twice, %d missing, %d gaps of the source", l.node, s, r.repeats, r.missed, l.lost.Load())
			}
		}
	}
	return all
}

// killing kills the node of shard 0 while the gateway goes on. What of its session the
// gateway then does not have any more is told.
func (f *flow) killing(payloads int, all []*listener) {
	t := f.t
	t.Helper()
	dead := f.where(0)
	alive := slices.DeleteFunc(slices.Clone(all), func(l *listener) bool { return l.node == dead })
	for _, l := range alive {
		l.mayMiss.Store(true)
	}
	f.during(payloads, func() {
		all[dead].leave()
		for i := range shards {
			if f.where(i) == dead {
				f.ledgers[i].die(dead)
			}
		}
		f.kill(dead)
	})
	for _, l := range alive {
		for s, r := range l.readers {
			t.Logf("node %d, shard %d: %d events twice, %d missing, %d gaps told", l.node, s, r.repeats, r.missed, l.gaps.Load())
			if l.lost.Load() > 0 {
				t.Errorf("node %d: the source has told of a gap", l.node)
			}
		}
	}
	f.forgetting(alive)
}

// forgetting has the gateway end a session: everybody is told, once, and gets the next one.
func (f *flow) forgetting(alive []*listener) {
	f.t.Helper()
	l := f.ledgers[0]
	if err := f.from.api.CloseSession(f.ctx, l.session); err != nil {
		f.t.Fatal(err)
	}
	for _, one := range alive {
		if err := l.wait(f.ctx, "the gap is told", func() bool { return one.lost.Load() > 0 }); err != nil {
			f.t.Fatal(err)
		}
	}
	f.where(0)
	for _, one := range alive {
		one.leave()
	}
	for s := range f.ledgers {
		f.ledgers[s].fail(errors.New("over"))
	}
	for _, one := range alive {
		if n := one.lost.Load(); n != 1 {
			f.t.Errorf("node %d: %d gaps told, want 1", one.node, n)
		}
	}
}

// die notes that a node was killed.
func (l *ledger) die(node int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run.dead = node
}

// N13x, W2: a consumer that takes 10 events a second and may not miss any holds up the shard
// on its node, and so what is read of the gateway: no more is under way than fits into its
// queue and the windows. When it takes more all of it comes, once and in order.
func TestSlowConsumerHoldsUpTheGateway(t *testing.T) {
	const queue, payloads, patience = 64, 1_500, 20
	f := newFlow(t)
	slow := f.listener(f.ledgers, f.where(0), 100*time.Millisecond, eventnode.WithPolicy(eventnode.PolicyBlock), eventnode.WithQueue(queue, 0))
	for range payloads {
		if err := f.sayOne(f.ctx, 0); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "some have come", func() error {
		if got, _, _ := slow.sums(); got < patience {
			return fmt.Errorf("%d", got)
		}
		return nil
	})
	const underWay = queue + shard.DefaultReadAhead + source.DefaultWindow + 64 // and what a subscription has in hand
	got, _, _ := slow.sums()
	if handled := f.ledgers[0].reached(); handled > int(got)+underWay {
		t.Errorf("%d payloads are handled while %d events were taken", handled, got)
	}
	close(slow.hurry)
	eventually(t, "all have come", func() error {
		if got, missed, total := slow.sums(); got != total || missed > 0 {
			return fmt.Errorf("%d of %d, and %d missed", got, total, missed)
		}
		return nil
	})
	if slow.gaps.Load()+uint64(slow.lost.Load()) > 0 {
		t.Error("gaps were told")
	}
}

// reached is how many payloads a handler has seen, or those before them.
func (l *ledger) reached() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.run.seq - l.base)
}
