package consuming

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/mapdb"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// partition is one of one copy, in memory: what is proposed is applied at once.
type partition struct {
	t       *testing.T
	desk    *Desk
	machine *state.Machine

	mu    sync.Mutex
	store *mapdb.Store
	term  uint64
	fails error // what proposals fail with
	asked int   // proposals
}

func newPartition(t *testing.T, cfg Config) *partition {
	t.Helper()
	store, err := mapdb.Open("")
	if err != nil {
		t.Fatal(err)
	}
	desk, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := &partition{t: t, desk: desk, machine: state.New(1), store: store, term: 1}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	desk.Reign(p) // so that no test begins with a new term
	go func() { done <- desk.Run(ctx, p) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, store.Close()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *partition) Reign() (uint64, int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.term, time.Now().UnixMilli()
}

// lead begins a term; 0 ends it.
func (p *partition) lead(term uint64, fails error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.term, p.fails = term, fails
}

func (p *partition) Look() (state.View, func(), error) {
	snapshot, err := p.store.Snapshot()
	if err != nil {
		return state.View{}, nil, err
	}
	return state.NewView(snapshot, 1), func() { _ = snapshot.Close() }, nil
}

func (p *partition) Submit(_ context.Context, in *replica.Proposal) (func(context.Context) (state.Result, error), error) {
	p.mu.Lock()
	p.asked++
	if err := p.fails; err != nil {
		p.mu.Unlock()
		return nil, err
	}
	r := p.apply(in)
	p.mu.Unlock()
	p.desk.Decided(in, &r)
	return func(context.Context) (state.Result, error) { return r, nil }, nil
}

// apply applies a proposal. The caller holds mu.
func (p *partition) apply(in *replica.Proposal) state.Result {
	var b state.EntryBuilder
	err := errors.New("nothing is proposed")
	if in.Command != nil {
		err = b.Add(in.Command)
	} else if in.Publish != nil {
		err = b.Publish(in.Publish, in.Events...)
	}
	if err != nil {
		p.t.Error(err)
		return state.Result{Err: err}
	}
	batch := p.store.NewBatch()
	defer batch.Close()
	results, err := p.machine.Apply(batch, b.Finish(time.Now().UnixMilli()))
	if err != nil {
		p.t.Error(err)
		return state.Result{Err: err}
	}
	last, _ := p.store.Applied()
	if err := batch.Commit(engine.Applied{Index: last.Index + 1, Term: 1}); err != nil {
		p.t.Error(err)
	}
	return results[0]
}

// must applies a command that must succeed.
func (p *partition) must(c *storagev1.Command) state.Result {
	p.t.Helper()
	r, err := propose(p.t.Context(), p, c)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// streams makes so many streams, 1 to n, with a group "g".
func (p *partition) streams(n int) {
	p.t.Helper()
	for i := range n {
		p.must(&storagev1.Command{Command: &storagev1.Command_DeclareStream{DeclareStream: &storagev1.DeclareStream{
			Name: &storagev1.StreamName{Name: fmt.Sprint(i + 1)}, Config: &storagev1.StreamConfig{Groups: []string{"g"}, DedupeWindowMs: 1, DedupeMax: 1}, Partition: 1,
		}}})
	}
}

// grant gives a consumer of "g" to a holder.
func (p *partition) grant(consumer uint32, holder byte, streams ...uint64) *Lease {
	p.t.Helper()
	r := p.must(&storagev1.Command{Command: &storagev1.Command_GrantLease{GrantLease: &storagev1.GrantLease{
		Group: "g", Consumer: consumer, Streams: streams, Holder: append(make([]byte, 15), holder),
	}}})
	l, err := p.desk.Arrive("g", consumer, streams, r.Epoch)
	if err != nil {
		p.t.Fatal(err)
	}
	return l
}

// leases is how many the state has.
func (p *partition) leases() (n int) {
	v, done, err := p.Look()
	if err != nil {
		p.t.Fatal(err)
	}
	defer done()
	for _, err := range v.Leases() {
		if err != nil {
			p.t.Fatal(err)
		}
		n++
	}
	return n
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// A lease lasts as long as its holder is here, and a TTL longer; a new term begins a new
// TTL, also for a lease that this node has not seen granted.
func TestLeasesEndWhenTheirHoldersStayAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPartition(t, Config{LeaseTTL: 10 * time.Second})
		p.streams(2)
		l := p.grant(1, 1, 1, 2)
		time.Sleep(time.Minute)
		if p.leases() != 2 || isClosed(l.Fenced) || !p.desk.IsHere(l.Epoch) {
			t.Fatal("the lease of who is here is over")
		}
		p.desk.Depart(l)
		time.Sleep(6 * time.Second)
		p.lead(0, nil) // another node leads for a while
		time.Sleep(time.Hour)
		p.lead(2, nil)
		time.Sleep(9 * time.Second)
		if p.leases() != 2 {
			t.Fatal("a new leader has not given it a whole TTL")
		}
		time.Sleep(2 * time.Second)
		if n := p.leases(); n != 0 {
			t.Errorf("%d leases are left", n)
		}
	})
}

// While ending fails it is tried again; a holder that comes back in time keeps its
// lease under a new epoch, and the old one is fenced.
func TestLeasesAreTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPartition(t, Config{LeaseTTL: time.Second})
		p.streams(3)
		old := p.grant(1, 1, 1, 2)
		now := p.grant(1, 1, 2, 3) // the holder, on other streams
		if !isClosed(old.Fenced) || isClosed(now.Fenced) {
			t.Error("the old one is to be fenced, the new one not")
		}
		time.Sleep(2 * time.Second)
		if p.leases() != 2 { // what the old one had on stream 1 has ended
			t.Errorf("%d leases", p.leases())
		}
		p.desk.Depart(old)
		p.desk.Depart(now)
		p.lead(1, fmt.Errorf("no: %w", eventnode.ErrUnavailable))
		time.Sleep(3 * time.Second)
		if p.leases() != 2 {
			t.Error("it ended without an entry")
		}
		p.lead(1, nil)
		time.Sleep(time.Second)
		if p.leases() != 0 {
			t.Error("it is not ended")
		}
		gone, err := p.desk.Arrive("g", 1, []uint64{2, 3}, now.Epoch)
		if err != nil || !isClosed(gone.Fenced) {
			t.Errorf("arrived too late: %v, %v", gone, err)
		}
	})
}

// A lease that was not heard of is found, and ends as any other.
func TestLeasesThatWereNotHeardOfAreFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPartition(t, Config{LeaseTTL: time.Second})
		p.streams(1)
		time.Sleep(time.Second)
		p.mu.Lock()
		r := p.apply(&replica.Proposal{Command: &storagev1.Command{Command: &storagev1.Command_GrantLease{GrantLease: &storagev1.GrantLease{
			Group: "g", Consumer: 1, Streams: []uint64{1}, Holder: make([]byte, 16)}}}})
		p.mu.Unlock()
		if r.Err != nil || p.leases() != 1 {
			t.Fatal(r.Err)
		}
		time.Sleep(2 * learnEvery)
		if p.leases() != 0 {
			t.Error("it is there for ever")
		}
	})
}

// A grant may be found in the state before it is told of: then the lease that its holder
// has by now stands, on all its streams, and is one.
func TestAGrantThatIsToldOfLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPartition(t, Config{LeaseTTL: 2 * time.Second})
		p.streams(3)
		streams := []uint64{1, 2, 3}
		in := &replica.Proposal{Command: &storagev1.Command{Command: &storagev1.Command_GrantLease{GrantLease: &storagev1.GrantLease{
			Group: "g", Consumer: 1, Streams: streams, Holder: make([]byte, 16)}}}}
		p.mu.Lock()
		r := p.apply(in)
		p.mu.Unlock()
		if r.Err != nil || p.desk.learn(p) != nil {
			t.Fatal(r.Err)
		}
		l, err := p.desk.Arrive("g", 1, streams, r.Epoch)
		if err != nil {
			t.Fatal(err)
		}
		p.desk.Decided(in, &r)
		if time.Sleep(time.Minute); isClosed(l.Fenced) || !p.desk.IsHere(l.Epoch) || p.leases() != 3 {
			t.Errorf("fenced: %t, %d leases", isClosed(l.Fenced), p.leases())
		}
		p.desk.Depart(l)
		if time.Sleep(time.Minute); p.leases() != 0 {
			t.Errorf("%d leases are left", p.leases())
		}
	})
}

// Deleting a consumer fences its holder.
func TestDeletedConsumersAreFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPartition(t, Config{MaxConsumers: 1})
		p.streams(2)
		l := p.grant(1, 1, 1, 2)
		if err := p.desk.MayArrive(); !errors.Is(err, eventnode.ErrLimit) {
			t.Error(err)
		}
		p.must(&storagev1.Command{Command: &storagev1.Command_DeleteConsumer{DeleteConsumer: &storagev1.DeleteConsumer{
			Group: &storagev1.GroupRef{Stream: 1, Group: "g"}, Consumer: 1}}})
		if !isClosed(l.Fenced) {
			t.Error("not fenced")
		}
		if err := p.desk.MayArrive(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if p.leases() != 0 {
			t.Error("its other lease is left")
		}
	})
}

// What comes wakes the first who waits in each group; who is woken stands in no line.
func TestWaitersAreWokenInTurn(t *testing.T) {
	d, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	a, b, other := NewWaiter("g", []uint64{1, 2}), NewWaiter("g", []uint64{1}), NewWaiter("h", []uint64{1})
	for _, w := range []*Waiter{a, b, other, a} {
		d.Park(w)
	}
	woken := func() (out string) {
		for name, w := range map[string]*Waiter{"a": a, "b": b, "o": other} {
			select {
			case <-w.C:
				out += name
			default:
			}
		}
		return out
	}
	d.wake([]state.Woken{{Stream: 3}, {Stream: 2, Group: "x"}})
	if got := woken(); got != "" {
		t.Errorf("woken by what is elsewhere: %s", got)
	}
	d.wake([]state.Woken{{Stream: 1, Group: "g"}})
	if got := woken(); got != "a" {
		t.Errorf("woken %q, want a", got)
	}
	d.wake([]state.Woken{{Stream: 2}})
	if got := woken(); got != "" {
		t.Errorf("who was woken still stands on its other stream: %s", got)
	}
	d.wake([]state.Woken{{Stream: 1}})
	if got := woken(); got != "bo" && got != "ob" {
		t.Errorf("woken %q, want b and o", got)
	}
	d.Park(b)
	d.PassOn(a)
	if got := woken(); got != "b" {
		t.Errorf("passed on to %q, want b", got)
	}
	d.Park(a)
	d.Park(b)
	d.Leave(a)
	d.wakeAll(1, "g")
	if got := woken(); got != "b" || len(d.waiting) != 0 {
		t.Errorf("all are %q, want b; %d streams are left", got, len(d.waiting))
	}
}

// Whoever waits somewhere learns that this node leads no more.
func TestTheReignEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPartition(t, Config{})
		over, leads := p.desk.Reign(p)
		if !leads || isClosed(over) {
			t.Fatal("it leads")
		}
		p.lead(2, nil) // it has lost and won between two looks
		time.Sleep(time.Second)
		if !isClosed(over) {
			t.Error("the first term is over")
		}
		p.lead(0, nil)
		if _, leads := p.desk.Reign(p); leads {
			t.Error("it leads no more")
		}
	})
}

// A cluster in which nothing is due writes nothing, and what is due is done once.
func TestOnlyWhatIsDueIsProposed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPartition(t, Config{})
		obtain := &storagev1.ObtainLock{Lock: &storagev1.LockName{Name: "l"}, Holder: make([]byte, 16), TtlMs: 5000}
		if _, err := p.desk.Obtain(t.Context(), p, obtain, 0); err != nil {
			t.Fatal(err)
		}
		asked := func() int {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.asked
		}
		time.Sleep(4 * time.Second)
		if n := asked(); n != 1 {
			t.Errorf("%d proposals before anything is due", n)
		}
		time.Sleep(time.Hour)
		if n := asked(); n != 2 {
			t.Errorf("%d proposals, want the lock and its end", n)
		}
	})
}

// Who waits for a lock is bounded.
func TestLockWaitersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPartition(t, Config{MaxLockWaiters: 1})
		obtain := func(holder byte, wait time.Duration) error {
			_, err := p.desk.Obtain(t.Context(), p, &storagev1.ObtainLock{Lock: &storagev1.LockName{Name: "l"}, Holder: append(make([]byte, 15), holder), TtlMs: 60_000}, wait)
			return err
		}
		if err := obtain(1, 0); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- obtain(2, 10*time.Second) }()
		synctest.Wait()
		if err := obtain(3, time.Second); !errors.Is(err, eventnode.ErrLimit) {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, eventnode.ErrLockTaken) {
			t.Error(err)
		}
		if len(p.desk.locks) != 0 || p.desk.parked != 0 {
			t.Error("somebody is left in the queue")
		}
	})
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []Config{{LeaseTTL: -1}, {MaxConsumers: -1}, {MaxLockWaiters: -1}} {
		if _, err := New(cfg); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
