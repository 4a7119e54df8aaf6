package chat

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// benchHub is a hub without others, with a directory.
func benchHub(b *testing.B, changes ...*eventnodev1.DirectoryChange) *Hub {
	b.Helper()
	state, err := directory.New(directory.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	hub, err := New(Config{Node: eventnode.NodeRef{ID: "n", Epoch: 1}, Directory: state, Sessions: sessions.Config{ReplayEvents: 16}})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range changes {
		if err := hub.Apply(b.Context(), func() (directory.Effect, error) { return state.Apply(c) }); err != nil {
			b.Fatal(err)
		}
	}
	return hub
}

// crowd is one guild with a channel and so many members.
func crowd(n int) (changes []*eventnodev1.DirectoryChange) {
	changes = append(changes, user(dan), guild(one), channel(open1, one))
	for i := range n {
		u := sessions.Snowflake(10_000 + i)
		changes = append(changes, user(u), member(one, u))
	}
	return changes
}

func benchOpen(b *testing.B, hub *Hub, u sessions.Snowflake) *sessions.Session {
	b.Helper()
	s, err := hub.Identify(b.Context(), sessions.Identity{User: u, Intents: AllIntents &^ IntentPresences}, sessions.Presence{}, sessions.Hello{Version: 10})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// One event to the 10,000 sessions of a hub that subscribe to a channel.
func BenchmarkDispatch(b *testing.B) {
	const n = 10_000
	hub := benchHub(b, crowd(n)...)
	for i := range n {
		benchOpen(b, hub, sessions.Snowflake(10_000+i))
	}
	req := &eventnodev1.ChatServiceDispatchRequest{
		Topics: []string{Channel(open1)}, Type: "MESSAGE_CREATE",
		Data: []byte(`{"id":"1","guild_id":"419430400","channel_id":"1001","content":"hello, everybody","author":{"id":"10000"}}`),
	}
	b.ReportAllocs()
	for b.Loop() {
		if resp, err := hub.Dispatch(b.Context(), req); err != nil || resp.GetReached() != n {
			b.Fatal(resp, err)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

// A user in 10 guilds, each with 50 channels and 20 members, identifies.
func BenchmarkIdentify(b *testing.B) {
	changes := []*eventnodev1.DirectoryChange{user(dan)}
	for i := range 20 {
		changes = append(changes, user(sessions.Snowflake(10_000+i)))
	}
	for i := range 10 {
		g := sessions.Snowflake(100+i) << 22
		changes = append(changes, guild(g))
		for j := range 20 {
			changes = append(changes, member(g, sessions.Snowflake(10_000+j)))
		}
		for j := range 50 {
			changes = append(changes, channel(sessions.Snowflake(20_000+i*50+j), g))
		}
	}
	hub := benchHub(b, changes...)
	b.ReportAllocs()
	for b.Loop() {
		hub.End(benchOpen(b, hub, 10_000))
	}
}

// What an idle session costs a hub, READY in its log included: users in one guild with one
// channel, and no sockets.
func BenchmarkIdleSession(b *testing.B) {
	const n = 5_000
	for _, events := range []string{"with READY", "without"} {
		b.Run(events, func(b *testing.B) {
			var per float64
			for b.Loop() {
				hub := benchHub(b, crowd(n)...)
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				for i := range n {
					s := benchOpen(b, hub, sessions.Snowflake(10_000+i))
					if events == "without" {
						k, err := s.Attach(0)
						if err != nil {
							b.Fatal(err)
						}
						_, _ = k.Take(nil, 9)
						for range 20 { // one event that is shared pushes it out
							_, _ = s.Send(shared)
						}
					}
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				per = float64(after.HeapAlloc-before.HeapAlloc) / n
				runtime.KeepAlive(hub)
			}
			b.ReportMetric(per, "B/session")
		})
	}
}

var shared = &sessions.Event{Type: "X", Data: []byte(`{}`)}

// A session goes from one hub to another one and is resumed there.
func BenchmarkMove(b *testing.B) {
	w := peopled(b)
	a := w.open(0, whole(ann))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := w.resume(a, i%3); err != nil {
			b.Fatal(err)
		}
	}
}

// The directory changes what a role permits in a guild with 10,000 sessions here.
func BenchmarkAccess(b *testing.B) {
	const n = 10_000
	hub := benchHub(b, crowd(n)...)
	for i := range n {
		benchOpen(b, hub, sessions.Snowflake(10_000+i))
	}
	state := hub.cfg.Directory.(*directory.State)
	for i := 0; b.Loop(); i++ {
		c := channel(open1, one, []*eventnodev1.DirectoryOverwrite{denied(one), allowed(one)}[i%2])
		if err := hub.Apply(b.Context(), func() (directory.Effect, error) { return state.Apply(c) }); err != nil {
			b.Fatal(fmt.Errorf("change %d: %w", i, err))
		}
	}
}
