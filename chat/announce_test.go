package chat

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// checkSaid checks that each node knows of the others exactly the topics that somebody there
// subscribes to, and the sessions that are there.
func checkSaid(t *testing.T, w *world) {
	t.Helper()
	for _, at := range w.nodes {
		places := 0
		for _, of := range w.nodes {
			for _, s := range of.hub.manager.All() {
				places++
				if _, ok := at.hub.roster.at[place{of.ref.ID, s.ID()}]; !ok {
					t.Errorf("%s does not know a session of %s", at.ref.ID, of.ref.ID)
				}
			}
			if at == of {
				continue
			}
			for topic := range of.hub.table.topics {
				if !at.hub.wants[topic][of.ref.ID] {
					t.Errorf("%s does not know that %s wants %s", at.ref.ID, of.ref.ID, topic)
				}
			}
			for topic, nodes := range at.hub.wants {
				if nodes[of.ref.ID] && of.hub.table.topics[topic] == nil {
					t.Errorf("%s thinks that %s wants %s", at.ref.ID, of.ref.ID, topic)
				}
			}
		}
		if n := len(at.hub.roster.at); n != places {
			t.Errorf("%s knows %d sessions of %d", at.ref.ID, n, places)
		}
	}
}

// Who asks for a subscription and goes away does not keep the others from knowing: somebody
// else subscribes to the same topic.
func TestSaidThoughTheCallerLeft(t *testing.T) {
	w := peopled(t)
	a, b := w.open(1, whole(ann)), w.open(1, whole(ben))
	w.unsub(0, allOf(ann, ben), Channel(open1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = w.nodes[1].hub.Subscribe(ctx, &eventnodev1.ChatServiceSubscribeRequest{
		Subscribers: allOf(ann), Subscriptions: []*eventnodev1.ChatSubscription{{Topic: Channel(open1)}},
	})
	reached(a, b)
	w.dispatch(0, "X", `{}`, Channel(open1))
	wantReached(t, "while nobody says anything else", []int{1, 0}, a, b)
	if err := w.sub(1, allOf(ben), 0, Channel(open1)); err != nil {
		t.Fatal(err)
	}
	w.dispatch(0, "X", `{}`, Channel(open1))
	wantReached(t, "after the caller left", []int{1, 1}, a, b)
	checkSaid(t, w)
}

// What could not be said is said again, by whoever says something next, and by Run.
func TestSaidAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := peopled(t)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for _, n := range w.nodes {
			running.Go(func() { _ = n.hub.Run(ctx) })
		}
		a, b := w.open(1, whole(ann)), w.open(1, whole(ben))
		w.nodes[1].failing(func(what string) error { return eventnode.ErrUnavailable })
		w.nodes[1].hub.End(a.s)
		w.unsub(1, allOf(ben), Guild(one))
		synctest.Wait()
		w.nodes[1].failing(nil)
		time.Sleep(2 * sayAgain)
		synctest.Wait()
		checkSaid(t, w)
		reached(b)
		stop()
		running.Wait()
	})
}

// A session that has ended is not registered again by somebody who is late, and looks at
// nothing.
func TestEndedSessionStaysEnded(t *testing.T) {
	w := peopled(t)
	hub := w.nodes[1].hub
	a := w.open(1, whole(ann))
	hub.End(a.s)
	w.settle()
	if err := hub.SetPresence(t.Context(), a.s, sessions.Presence{Status: sessions.Idle}); !errors.Is(err, sessions.ErrClosed) {
		t.Errorf("presence of what has ended: %v", err)
	}
	watch := sessions.WatchRequest{Guild: one, Channels: map[sessions.Snowflake][][2]int{open1: {{0, 99}}}}
	if err := hub.WatchMembers(t.Context(), a.s, watch); !errors.Is(err, sessions.ErrClosed) {
		t.Errorf("looking at lists after the end: %v", err)
	}
	checkSaid(t, w)
	if len(hub.lists.watching)+len(hub.lists.byGuild)+len(hub.table.of)+len(hub.table.topics) > 0 {
		t.Error("something is left of the session")
	}
}

// A session that leaves a node and comes back before that has said that it left is known
// everywhere.
func TestBackBeforeItIsSaid(t *testing.T) {
	w := peopled(t)
	a := w.open(1, whole(ann))
	for _, node := range []int{2, 1} { // nobody says anything in between: Run does not run
		if err := w.resume(a, node); err != nil {
			t.Fatal(err)
		}
	}
	w.settle()
	checkSaid(t, w)
	reached(a)
	w.dispatch(0, "X", `{}`, User(ann))
	wantReached(t, "back again", []int{1}, a)
}

// A hub that cannot register a session does not open it, and nothing of it is left.
func TestRegisterFails(t *testing.T) {
	w := peopled(t)
	b := w.open(1, whole(ben))
	w.nodes[1].failing(func(what string) error {
		if what == "register" {
			return eventnode.ErrUnavailable
		}
		return nil
	})
	if _, err := w.nodes[1].hub.Identify(t.Context(), whole(ann), sessions.Presence{}, sessions.Hello{}); !errors.Is(err, eventnode.ErrUnavailable) {
		t.Errorf("identify: %v", err)
	}
	c := w.open(2, whole(cleo))
	if err := w.resume(c, 1); !errors.Is(err, eventnode.ErrUnavailable) {
		t.Errorf("resume: %v", err)
	}
	w.nodes[1].failing(nil)
	w.settle()
	checkSaid(t, w)
	if n := w.nodes[1].hub.manager.Len(); n != 1 {
		t.Errorf("%d sessions are there, want 1", n)
	}
	if err := w.resume(c, 2); err != nil {
		t.Errorf("the session is not where it was: %v", err)
	}
	reached(b, c)
	w.dispatch(1, "X", `{}`, Guild(one))
	wantReached(t, "afterwards", []int{1, 1}, b, c)
}

// However calls race that subscribe, unsubscribe, say presences, open and end sessions: in
// the end all nodes know what is wanted where, and nothing else.
func TestSayingRaces(t *testing.T) {
	w := peopled(t)
	b := w.open(1, whole(ben))
	var calls sync.WaitGroup
	for i := range 8 {
		calls.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 1))
			for range 100 {
				switch rnd.IntN(4) {
				case 0:
					_ = w.sub(rnd.IntN(3), allOf(ben), 0, Channel(open1), Channel(direct))
				case 1:
					w.unsub(rnd.IntN(3), allOf(ben), Channel(open1), Guild(two))
				case 2:
					_ = w.nodes[1].hub.SetPresence(t.Context(), b.s, sessions.Presence{Status: sessions.Status(rnd.IntN(5))})
				default:
					hub := w.nodes[rnd.IntN(3)].hub
					s, err := hub.Identify(t.Context(), sharded(ann, uint32(i), 8), sessions.Presence{Status: sessions.Online}, sessions.Hello{})
					if err != nil {
						t.Error(err)
						return
					}
					var late sync.WaitGroup
					late.Go(func() { _ = hub.SetPresence(t.Context(), s, sessions.Presence{Status: sessions.Idle}) })
					hub.End(s)
					late.Wait()
				}
			}
		})
	}
	calls.Wait()
	w.settle()
	checkSaid(t, w)
	if got, want := w.nodes[0].hub.roster.toFriends(ben).Status, b.s.Presence().Status; got != want && want > sessions.Invisible {
		t.Errorf("ben is seen as %v, he is %v", got, want)
	}
}
