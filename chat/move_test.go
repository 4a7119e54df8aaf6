package chat

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"

	"github.com/eventnode/eventnode/sessions"
)

// A session is resumed on another node: what the client has missed comes, in order and once,
// and then what is dispatched anywhere; subscriptions and flags are as they were.
func TestResumeElsewhere(t *testing.T) {
	w := peopled(t)
	a := w.open(0, whole(ann))
	if err := w.sub(0, allOf(ann), NoTyping, Guild(one)); err != nil {
		t.Fatal(err)
	}
	w.unsub(0, allOf(ann), Channel(direct))
	for i, node := range []int{1, 2, 2, 0, 1} {
		for _, topic := range []string{Guild(one), Guild(two), Channel(staff1), Channel(group), User(ann), Friend(ben), Channel(direct)} {
			w.dispatch(i%3, "X", `{}`, topic)
		}
		w.dispatch(i%3, "TYPING_START", `{}`, Guild(one))
		if err := w.resume(a, node); err != nil {
			t.Fatal(err)
		}
		wantReached(t, fmt.Sprint("while away to ", node), []int{6}, a)
		for at := range w.nodes {
			w.dispatch(at, "X", `{}`, Channel(staff1))
		}
		wantReached(t, fmt.Sprint("at ", node), []int{3}, a)
		w.settle()
		checkSaid(t, w)
		for at, n := range w.nodes {
			if want := map[bool]int{true: 1, false: 0}[at == node]; n.hub.manager.Len() != want {
				t.Errorf("%d sessions at %d, want %d", n.hub.manager.Len(), at, want)
			}
		}
	}
}

// What is not to be resumed is refused, wherever the session is, with the same errors, and
// stays where it is: it has a socket, is somebody else's, has lost events, has not sent what
// the client claims to have, or is gone; or nobody knows, for its node does not answer.
func TestResumeIsRefused(t *testing.T) {
	w := peopled(t, func(c *Config) { c.Sessions.ReplayEvents = 5 })
	a := w.open(0, whole(ann))
	resume := func(node int, user sessions.Snowflake, id sessions.ID, seen uint64) error {
		_, err := w.nodes[node].hub.Resume(t.Context(), user, id, seen)
		return err
	}
	for node := range 3 {
		if err := resume(node, ann, a.s.ID(), a.seen); !errors.Is(err, sessions.ErrAttached) {
			t.Errorf("attached, asked at %d: %v", node, err)
		}
	}
	a.socket.Detach()
	for range 9 {
		w.dispatch(0, "X", `{}`, User(ann))
	}
	for node := range 3 {
		if err := resume(node, ben, a.s.ID(), a.seen); !errors.Is(err, sessions.ErrNotFound) {
			t.Errorf("somebody else's, asked at %d: %v", node, err)
		}
		if err := resume(node, ann, "nothing", 0); !errors.Is(err, sessions.ErrNotFound) {
			t.Errorf("no session, asked at %d: %v", node, err)
		}
		if err := resume(node, ann, a.s.ID(), a.seen+10); !errors.Is(err, sessions.ErrAhead) {
			t.Errorf("ahead, asked at %d: %v", node, err)
		}
		if gap, ok := errors.AsType[*sessions.GapError](resume(node, ann, a.s.ID(), a.seen)); !ok || gap.Missing != 4 || gap.First != a.seen+1 {
			t.Errorf("gap, asked at %d: %v", node, gap)
		}
	}
	w.set(0, 2, cut)
	if err := resume(2, ann, a.s.ID(), a.seen+9); !errors.Is(err, eventnode.ErrUnavailable) {
		t.Errorf("no answer: %v", err)
	}
	w.set(0, 2, gone)
	if err := resume(2, ann, a.s.ID(), a.seen+9); !errors.Is(err, sessions.ErrNotFound) {
		t.Errorf("its node is gone: %v", err)
	}
	w.set(0, 2, up)
	if err := resume(2, ann, a.s.ID(), a.seen+9); err != nil {
		t.Errorf("after all that: %v", err)
	}
	w.settle()
	checkSaid(t, w)
}

// A socket whose client does not answer is taken from it on another node, if Release says so.
func TestResumeReleases(t *testing.T) {
	var held *client
	release := false
	w := peopled(t, func(c *Config) {
		c.Release = func(_ context.Context, s *sessions.Session) bool {
			if release && s == held.s {
				held.socket.Detach()
			}
			return release
		}
	})
	held = w.open(0, whole(ann))
	if _, err := w.nodes[1].hub.Resume(t.Context(), ann, held.s.ID(), held.seen); !errors.Is(err, sessions.ErrAttached) {
		t.Errorf("not released: %v", err)
	}
	release = true
	if _, err := w.nodes[1].hub.Resume(t.Context(), ann, held.s.ID(), held.seen); err != nil {
		t.Errorf("released: %v", err)
	}
}

// publishers dispatch numbered events, each at its node, one after the other, until they are
// told to stop.
type publishers struct {
	w    *world
	sent [3]int
	all  sync.WaitGroup
	stop chan struct{}
}

func (w *world) publish(rnd *rand.Rand, topics ...string) *publishers {
	p := &publishers{w: w, stop: make(chan struct{})}
	for i := range p.sent {
		own := rand.New(rand.NewPCG(rnd.Uint64(), 0))
		p.all.Go(func() {
			for {
				select {
				case <-p.stop:
					return
				default:
				}
				p.sent[i]++
				resp := w.dispatch(i, "N", fmt.Sprintf(`[%d,%d]`, i, p.sent[i]), topics[own.IntN(len(topics))])
				if len(resp.GetMissing()) > 0 {
					w.t.Errorf("missing: %v", resp.GetMissing())
				}
				time.Sleep(time.Duration(own.IntN(5)) * time.Millisecond)
			}
		})
	}
	return p
}

// check checks that somebody has all events, each publisher's in order, each once.
func (p *publishers) check(what string, got []string) {
	p.w.t.Helper()
	next := [3]int{1, 1, 1}
	for _, data := range got {
		var i, n int
		if _, err := fmt.Sscanf(data, "[%d,%d]", &i, &n); err != nil {
			continue
		}
		if n != next[i] {
			p.w.t.Fatalf("%s: event %d of publisher %d, want %d", what, n, i, next[i])
		}
		next[i]++
	}
	for i, n := range next {
		if n != p.sent[i]+1 {
			p.w.t.Fatalf("%s: %d events of publisher %d, it sent %d", what, n-1, i, p.sent[i])
		}
	}
}

func (c *client) collect(into []string) []string {
	for _, s := range c.events() {
		into = append(into, string(s.Event.Data))
	}
	return into
}

// inBubble runs a test with random delays on all calls, many times, each with a seed.
func inBubble(t *testing.T, runs int, f func(t *testing.T, rnd *rand.Rand)) {
	if testing.Short() {
		runs = max(1, runs/10)
	}
	for range runs {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

// delays has each call take some time, each its own.
func (w *world) delays(rnd *rand.Rand) {
	var mu sync.Mutex
	own := rand.New(rand.NewPCG(rnd.Uint64(), 2))
	w.pause = func() {
		mu.Lock()
		d := time.Duration(own.IntN(8)) * time.Millisecond
		mu.Unlock()
		time.Sleep(d)
	}
}

// While publishers on all nodes dispatch, and calls take their time, a client loses its
// connection again and again and resumes anywhere: it has each event once, each publisher's
// in order.
func TestResumeUnderLoad(t *testing.T) {
	inBubble(t, 100, func(t *testing.T, rnd *rand.Rand) {
		w := peopled(t)
		w.slow = rnd.IntN(2) == 0
		w.delays(rnd)
		a := w.open(0, whole(ann))
		w.open(1, whole(ben)) // so that other nodes want the same topics
		w.open(2, whole(cleo))
		p := w.publish(rnd, Guild(one), Channel(open1), User(ann), Channel(group))
		var got []string
		for range 12 {
			time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond)
			if rnd.IntN(4) > 0 {
				got = a.collect(got)
			}
			if err := w.resume(a, rnd.IntN(3)); err != nil {
				t.Fatal(err)
			}
		}
		close(p.stop)
		p.all.Wait()
		p.check("ann", a.collect(got))
		w.settle()
		checkSaid(t, w)
	})
}

// While a session moves its user comes to read a channel, or not any more, and nodes learn of
// it at different times: then the session has what its user may read.
func TestAccessWhileItMoves(t *testing.T) {
	inBubble(t, 100, func(t *testing.T, rnd *rand.Rand) {
		w := peopled(t)
		w.delays(rnd)
		c := w.open(0, whole(ben))
		w.open(1, whole(ann))
		late := rand.New(rand.NewPCG(rnd.Uint64(), 1))
		for i := range 16 {
			var changing sync.WaitGroup
			w.mu.Lock()
			w.changes = append(w.changes, []*eventnodev1.DirectoryChange{member(one, ben, mods), member(one, ben)}[i%2])
			w.mu.Unlock()
			for _, n := range w.nodes {
				wait := time.Duration(late.IntN(40)) * time.Millisecond
				changing.Go(func() {
					time.Sleep(wait)
					n.catchUp(len(w.all()))
				})
			}
			if err := w.resume(c, rnd.IntN(3)); err != nil {
				t.Fatal(err)
			}
			changing.Wait()
			reached(c)
			w.dispatch(0, "X", `{}`, Channel(staff1))
			wantReached(t, fmt.Sprint("change ", i), []int{1 - i%2}, c)
		}
		w.settle()
		checkSaid(t, w)
	})
}

// Of two or three clients that resume a session at once, each at its node, one has it.
func TestTwoResumeAtOnce(t *testing.T) {
	inBubble(t, 100, func(t *testing.T, rnd *rand.Rand) {
		w := peopled(t)
		w.delays(rnd)
		a := w.open(0, whole(ann))
		a.socket.Detach()
		var all sync.WaitGroup
		var mu sync.Mutex
		var got []*sessions.Socket
		for node := range 3 {
			wait := time.Duration(rnd.IntN(30)) * time.Millisecond
			all.Go(func() {
				time.Sleep(wait)
				k, err := w.nodes[node].hub.Resume(t.Context(), ann, a.s.ID(), a.seen)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					got = append(got, k)
				case !errors.Is(err, sessions.ErrAttached) && !errors.Is(err, sessions.ErrNotFound) && !errors.Is(err, sessions.ErrClosed):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(got) != 1 {
			t.Fatalf("%d have it", len(got))
		}
		w.settle()
		checkSaid(t, w)
		a.socket, a.s = got[0], got[0].Session()
		w.dispatch(rnd.IntN(3), "X", `{}`, User(ann))
		wantReached(t, "who has it", []int{1}, a)
	})
}

// When more clients come at once than a node can be asked about in the time of one call, all
// resume: those that wait for their turn have not begun. One that does not wait as long finds
// its session when it comes again.
func TestResumeStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := peopled(t)
		var all []*client
		for range 700 {
			c := w.open(0, whole(dan))
			c.socket.Detach()
			all = append(all, c)
		}
		link := make(chan struct{}, 1) // not a mutex: time passes while many wait
		w.pause = func() {
			link <- struct{}{}
			time.Sleep(3 * time.Millisecond)
			<-link
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var storm sync.WaitGroup
		for i, c := range all {
			storm.Go(func() {
				ctx := t.Context()
				if i%10 == 0 {
					ctx = short
				}
				k, err := w.nodes[1].hub.Resume(ctx, dan, c.s.ID(), c.seen)
				if err != nil && ctx == short {
					k, err = w.nodes[1].hub.Resume(t.Context(), dan, c.s.ID(), c.seen)
				}
				if err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
				k.Detach()
			})
		}
		storm.Wait()
		if a, b := w.nodes[0].hub.manager.Len(), w.nodes[1].hub.manager.Len(); a != 0 || b != len(all) {
			t.Errorf("%d and %d sessions", a, b)
		}
	})
}

// A client that goes away in the middle of a resume finds its session when it comes again,
// with all that was dispatched meanwhile.
func TestResumeIsCutShort(t *testing.T) {
	inBubble(t, 100, func(t *testing.T, rnd *rand.Rand) {
		w := peopled(t)
		w.delays(rnd)
		a := w.open(0, whole(ann))
		p := w.publish(rnd, Guild(one), User(ann))
		var got []string
		for range 6 {
			a.socket.Detach()
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rnd.IntN(60))*time.Millisecond)
			k, err := w.nodes[rnd.IntN(3)].hub.Resume(ctx, ann, a.s.ID(), a.seen)
			cancel()
			if err == nil {
				k.Detach()
			}
			if err := w.resume(a, rnd.IntN(3)); err != nil {
				t.Fatal(err)
			}
			got = a.collect(got)
		}
		close(p.stop)
		p.all.Wait()
		p.check("ann", a.collect(got))
	})
}

// A session whose time is over while it moves is gone, or it has moved; nothing is left of it
// elsewhere.
func TestExpiresWhileItMoves(t *testing.T) {
	inBubble(t, 100, func(t *testing.T, rnd *rand.Rand) {
		w := peopled(t, func(c *Config) { c.Sessions.TTL = 20 * time.Millisecond })
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for _, n := range w.nodes {
			running.Go(func() { _ = n.hub.Run(ctx) })
		}
		a := w.open(0, whole(ann))
		w.delays(rnd)
		a.socket.Detach()
		time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond)
		err := w.resume(a, 1)
		if err == nil {
			w.dispatch(2, "X", `{}`, User(ann))
			wantReached(t, "it has moved", []int{1}, a)
		} else if !errors.Is(err, sessions.ErrNotFound) && !errors.Is(err, sessions.ErrClosed) {
			t.Error(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		checkSaid(t, w)
		if n := w.nodes[1].hub.manager.Len(); n != map[bool]int{true: 1, false: 0}[err == nil] {
			t.Errorf("%d sessions are left", n)
		}
		stop()
		running.Wait()
	})
}

// A node that goes down hands all sessions to the others while publishers go on: nothing is
// lost, nothing comes twice, and their clients resume anywhere.
func TestHandOver(t *testing.T) {
	inBubble(t, 30, func(t *testing.T, rnd *rand.Rand) {
		w := peopled(t)
		w.delays(rnd)
		var all []*client
		for i := range 20 {
			all = append(all, w.open(0, whole([]sessions.Snowflake{ann, ben, cleo}[i%3])))
		}
		p := w.publish(rnd, Guild(one), Channel(open1), Channel(group))
		time.Sleep(30 * time.Millisecond)
		got := make([][]string, len(all))
		for i, c := range all {
			if rnd.IntN(2) == 0 {
				got[i] = c.collect(nil)
			}
			c.socket.Detach()
		}
		if given, of := w.nodes[0].hub.HandOver(t.Context()); given != 20 || of != 20 {
			t.Errorf("%d of %d were given", given, of)
		}
		if _, err := w.nodes[0].hub.Identify(t.Context(), whole(ann), sessions.Presence{}, sessions.Hello{}); !errors.Is(err, sessions.ErrNotAccepting) {
			t.Errorf("a session was opened: %v", err)
		}
		for i, c := range all {
			if err := w.resume(c, 1+rnd.IntN(2)); err != nil {
				t.Fatal(err)
			}
			got[i] = c.collect(got[i])
		}
		close(p.stop)
		p.all.Wait()
		for i, c := range all {
			p.check(fmt.Sprint("client ", i), c.collect(got[i]))
		}
		w.settle()
		checkSaid(t, w)
	})
}

// A session is handed over also if its log is full, and moves on while it is: what is kept
// is what it is resumed from.
func TestHandOverOfFullLogs(t *testing.T) {
	inBubble(t, 30, func(t *testing.T, rnd *rand.Rand) {
		w := peopled(t, func(c *Config) { c.Sessions.ReplayEvents = 10 })
		w.delays(rnd)
		a := w.open(0, whole(ann))
		a.socket.Detach()
		p := w.publish(rnd, User(ann))
		time.Sleep(100 * time.Millisecond)
		if given, _ := w.nodes[0].hub.HandOver(t.Context()); given != 1 {
			t.Error("it was not given")
		}
		close(p.stop)
		p.all.Wait()
		_, err := w.nodes[1].hub.Resume(t.Context(), ann, a.s.ID(), a.seen)
		if gap, ok := errors.AsType[*sessions.GapError](err); !ok || gap.Missing == 0 {
			t.Errorf("a client that has missed more than is kept: %v", err)
		}
	})
}

// Nobody takes sessions where there is nobody, nobody answers or nobody accepts; they stay.
func TestHandOverToNobody(t *testing.T) {
	alone := newWorld(t, 1)
	if given, all := alone.nodes[0].hub.HandOver(t.Context()); given != 0 || all != 0 {
		t.Errorf("%d of %d alone", given, all)
	}
	w := peopled(t)
	a, b := w.open(0, whole(ann)), w.open(0, whole(ben))
	a.socket.Detach()
	w.set(0, 1, cut)
	w.nodes[2].hub.manager.StopAccepting()
	if given, all := w.nodes[0].hub.HandOver(t.Context()); given != 0 || all != 2 {
		t.Errorf("%d of %d were given", given, all)
	}
	w.set(0, 1, up)
	if given, all := w.nodes[0].hub.HandOver(t.Context()); given != 1 || all != 2 { // ben has a socket
		t.Errorf("%d of %d were given", given, all)
	}
	w.settle()
	checkSaid(t, w)
	reached(b)
}

// A node forgets whom it has sent on, in time.
func TestDepartedAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := peopled(t)
		var running sync.WaitGroup
		defer running.Wait()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		running.Go(func() { _ = w.nodes[0].hub.Run(ctx) })
		a := w.open(0, whole(ann))
		if err := w.resume(a, 1); err != nil {
			t.Fatal(err)
		}
		d, mu := w.nodes[0].hub.departed, &w.nodes[0].hub.mu
		mu.Lock()
		if len(d.to) != 1 || len(d.byUser) != 1 || len(d.table.topics) == 0 {
			t.Error("it is not remembered")
		}
		mu.Unlock()
		time.Sleep(departedFor + time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(d.to)+len(d.byUser)+len(d.table.topics)+len(d.table.of)+len(d.queue) > 0 {
			t.Error("it is not forgotten")
		}
	})
}
