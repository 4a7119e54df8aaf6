package chat

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/chat/internal/journal"
	"github.com/eventnode/eventnode/event"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// diaryAlone is a cluster of one node.
type diaryAlone struct{}

func (diaryAlone) Announce(context.Context, []string) error { return nil }
func (diaryAlone) Withdraw(context.Context, []string) error { return nil }
func (diaryAlone) Register(context.Context, sessions.ID, *clusterv1.ChatSessionMeta) error {
	return nil
}
func (diaryAlone) Unregister(context.Context, []sessions.ID) error { return nil }
func (diaryAlone) Wait(context.Context) []eventnode.NodeID         { return nil }
func (diaryAlone) Peers() []eventnode.NodeID                       { return nil }
func (diaryAlone) Call(context.Context, eventnode.NodeID, *clusterv1.ChatRequest) (*clusterv1.ChatResponse, error) {
	return nil, eventnode.ErrUnavailable
}

// diaryStream is a stream, and locks, of which a test says whether they can be written.
type diaryStream struct {
	eventnode.Streams
	eventnode.Locks
	mu     sync.Mutex
	down   bool
	events []eventnode.StreamEvent
	locks  map[string]bool
	reads  int
}

type diaryLock struct {
	eventnode.Lock
	s    *diaryStream
	name string
}

func (l diaryLock) Token() uint64                                { return 41 }
func (l diaryLock) Refresh(context.Context, time.Duration) error { return nil }
func (l diaryLock) Release(context.Context) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	delete(l.s.locks, l.name)
	return nil
}

func (s *diaryStream) Obtain(_ context.Context, name string, _, _ time.Duration) (eventnode.Lock, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locks[name] {
		return nil, eventnode.ErrLockTaken
	}
	s.locks[name] = true
	return diaryLock{s: s, name: name}, nil
}

// diaryLocks is the locks of a diaryStream, whose Info is another one than of its streams.
type diaryLocks struct{ *diaryStream }

func (s diaryLocks) Info(_ context.Context, name string) (eventnode.LockInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return eventnode.LockInfo{Held: s.locks[name]}, nil
}

func (s *diaryStream) Declare(context.Context, string, eventnode.StreamConfig) (bool, error) {
	return true, nil
}

func (s *diaryStream) Info(context.Context, string) (eventnode.StreamInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return eventnode.StreamInfo{Last: eventnode.Position{MS: int64(len(s.events))}}, nil
}

func (s *diaryStream) PublishMany(_ context.Context, _ string, evs []event.Event, _ ...eventnode.PublishOption) (eventnode.Published, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return eventnode.Published{}, eventnode.ErrUnavailable
	}
	first := eventnode.Position{MS: int64(len(s.events)) + 1}
	for i, ev := range evs {
		s.events = append(s.events, eventnode.StreamEvent{Position: eventnode.Position{MS: first.MS, Seq: uint64(i)}, Event: ev})
	}
	return eventnode.Published{First: first, Appended: len(evs)}, nil
}

func (s *diaryStream) Read(_ context.Context, _ string, opts ...eventnode.ReadOption) iter.Seq2[eventnode.StreamEvent, error] {
	time.Sleep(10 * time.Millisecond) // virtual: that is how long it takes
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	o, all := eventnode.NewReadOptions(opts...), s.events
	return func(yield func(eventnode.StreamEvent, error) bool) {
		for _, ev := range all {
			if (o.After == nil || ev.Position.Compare(*o.After) > 0) && !yield(ev, nil) {
				return
			}
		}
	}
}

func (s *diaryStream) set(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// diaryHub is a hub that journals to a stream, until the test ends.
func diaryHub(t *testing.T, s *diaryStream, epoch uint64, queue int) *Hub {
	t.Helper()
	state, err := directory.New(directory.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.Apply(directory.PutUser(&eventnodev1.DirectoryUser{Id: 7, Username: "ann"})); err != nil {
		t.Fatal(err)
	}
	h, err := New(Config{
		Node: eventnode.NodeRef{ID: "n", Epoch: epoch}, Cluster: diaryAlone{}, Directory: state, Sessions: sessions.Config{ReplayEvents: 1 << 20, ReplayBytes: 1 << 30},
		Journal: &Journal{Streams: s, Locks: diaryLocks{s}, Stream: "sessions", QueueBytes: queue},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = h.Run(ctx) // it returns nil
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return h
}

func diaryDispatch(h *Hub, n int) error {
	_, err := h.Dispatch(context.Background(), &eventnodev1.ChatServiceDispatchRequest{Topics: []string{"user:7"}, Type: "NOTE", Data: fmt.Append(nil, n)})
	return err
}

// While the journal cannot be written nobody sees anything: what is dispatched waits, until
// the queue is full, and is refused then; who identifies is told to come again. When it can
// be written again, a session has everything that nodes sent it, in order, and the journal
// has, too.
func TestJournalIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &diaryStream{locks: map[string]bool{}}
		h := diaryHub(t, s, 1, 2_000)
		one, err := h.Identify(t.Context(), sessions.Identity{User: 7, Intents: AllIntents}, sessions.Presence{}, sessions.Hello{})
		if err != nil {
			t.Fatal(err)
		}
		k, err := one.Attach(0)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Take(nil, 10); err != nil || len(got) != 1 || got[0].Event.Type != "READY" {
			t.Fatalf("%v, %v", got, err)
		}
		s.set(true)
		outcome := map[string]int{}
		for n := range 200 {
			switch err := diaryDispatch(h, n); {
			case errors.Is(err, eventnode.ErrOutcomeUnknown):
				outcome["unknown"]++
			case errors.Is(err, eventnode.ErrUnavailable):
				outcome["refused"]++
			default:
				t.Fatal(err)
			}
		}
		if outcome["unknown"] == 0 || outcome["refused"] == 0 {
			t.Error(outcome)
		}
		for n := range 500 { // what nodes make by themselves is not refused
			h.tell(one, "MADE", n)
		}
		if _, err := h.Identify(t.Context(), sessions.Identity{User: 7}, sessions.Presence{}, sessions.Hello{}); !errors.Is(err, eventnode.ErrUnavailable) {
			t.Error("identify:", err)
		}
		synctest.Wait()
		if got, err := k.Take(nil, 10); err != nil || len(got) != 0 {
			t.Errorf("%d events were seen: %v", len(got), err)
		}
		s.set(false)
		time.Sleep(5 * time.Second)
		got, err := k.Take(nil, 10_000)
		if want := outcome["unknown"] + 500; err != nil || len(got) != want || uint64(want+1) != one.Seq() {
			t.Fatalf("%d of %d events, %d are in the log: %v", len(got), want, one.Seq(), err)
		}
		if err := diaryDispatch(h, 200); err != nil {
			t.Error(err)
		}
		h.journal.reader.index = nil
		if err := h.journal.reader.look(t.Context(), func(x *journal.Index) {
			if log, _, err := x.Log(one.ID(), 0); err != nil || len(log) != len(got)+2 {
				t.Errorf("the journal has %d of %d events: %v", len(log), len(got)+2, err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// A hundred clients of a node that has died come at once to another life of it: each has
// what it missed, and the journal is read a few times, not once for each.
func TestJournalStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &diaryStream{locks: map[string]bool{}}
		old := diaryHub(t, s, 1, 0)
		var ids []sessions.ID
		for range 100 {
			one, err := old.Identify(t.Context(), sessions.Identity{User: 7, Intents: AllIntents}, sessions.Presence{}, sessions.Hello{})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, one.ID())
		}
		if err := diaryDispatch(old, 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		young := diaryHub(t, s, 2, 0)
		before := s.reads
		var resumed sync.WaitGroup
		for _, id := range ids {
			resumed.Go(func() {
				k, err := young.Resume(t.Context(), 7, id, 1)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := k.Take(nil, 10)
				if err != nil || len(got) != 1 || string(got[0].Event.Data) != "1" || got[0].Seq != 2 {
					t.Errorf("%v, %v", got, err)
				}
			})
		}
		resumed.Wait()
		if n := s.reads - before; n > 20 {
			t.Errorf("%d reads for %d clients", n, len(ids))
		}
		if _, err := young.Resume(t.Context(), 8, ids[0], 1); !errors.Is(err, sessions.ErrNotFound) {
			t.Error("somebody else's:", err)
		}
		one, err := old.Sessions().Session(ids[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := old.stillMine(t.Context(), one); !errors.Is(err, sessions.ErrNotFound) || old.Sessions().Len() != 99 {
			t.Error("the old life still has it:", err)
		}
	})
}
