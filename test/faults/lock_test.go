package faults_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"google.golang.org/protobuf/types/known/durationpb"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/test/cluster"
)

const (
	// lockName is the lock that all want.
	lockName = "the-lock"
	// lockTTL is longer than an election takes, and shorter than who dawdles does.
	lockTTL = 3 * time.Second
	// lockWait is how long one try waits for it.
	lockWait = 4 * time.Second
	// lockHolders want it.
	lockHolders = 5
)

// lockOperation is an operation for porcupine.
func lockOperation(client int, in lockInput, out lockAnswer) porcupine.Operation {
	op := porcupine.Operation{ClientId: client, Input: in, Output: out, Call: int64(in.Asked), Return: int64(in.Ended)}
	if out == lockUnknown {
		op.Return = math.MaxInt64
	}
	return op
}

// guarded is what the lock guards: it refuses tokens that are less than one it has
// seen.
type guarded struct {
	mu      sync.Mutex
	token   uint64
	taken   int
	refused int
}

// write reports whether it was taken.
func (g *guarded) write(token uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if token < g.token {
		g.refused++
		return false
	}
	g.token = token
	g.taken++
	return true
}

// locking is those who want the lock, and what they were told.
type locking struct {
	w       *world
	begun   time.Time
	ctx     context.Context // ends with stop
	cancel  context.CancelFunc
	work    sync.WaitGroup
	guarded guarded

	mu       sync.Mutex
	list     []porcupine.Operation
	problems findings
}

func newLocking(w *world) *locking {
	l := &locking{w: w, begun: time.Now()}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	w.t.Cleanup(l.stop)
	for i := range lockHolders {
		h := &lockHolder{locking: l, wire: w.dialWire(i), id: i, rnd: rand.New(rand.NewPCG(w.seed, uint64(30+i)))}
		l.work.Go(func() {
			for l.wait(time.Duration(h.rnd.IntN(100)) * time.Millisecond) {
				h.once()
			}
		})
	}
	return l
}

func (l *locking) stop() {
	l.cancel()
	l.work.Wait()
}

// wait waits a moment; false: it is over.
func (l *locking) wait(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-l.ctx.Done():
		return false
	}
}

func (l *locking) add(client int, in lockInput, out lockAnswer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, lockOperation(client, in, out))
}

func (l *locking) complain(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problems.add("lock", format, args...)
}

// now is the time of the history.
func (l *locking) now() time.Duration { return time.Since(l.begun) }

// lockHolder is one who wants the lock, again and again.
type lockHolder struct {
	*locking
	*wire
	id  int
	rnd *rand.Rand
}

// once has the lock once: it writes, perhaps refreshes and writes again, perhaps dawdles
// until its time may be over and writes then, and releases it, or forgets to.
func (h *lockHolder) once() {
	token, safe, ok := h.obtain()
	if !ok {
		return
	}
	h.write(token, safe)
	switch h.rnd.IntN(5) {
	case 0: // like a process that is paused: it does not know that it is late
		h.wait(lockTTL + time.Duration(h.rnd.Int64N(int64(lockTTL))))
		h.guarded.write(token)
	case 1, 2:
		h.wait(time.Duration(h.rnd.Int64N(int64(lockTTL / 2))))
		if safe, ok = h.refresh(token); !ok {
			return
		}
		h.write(token, safe)
	}
	if h.rnd.IntN(6) > 0 {
		h.release(token)
	}
}

// write writes; until its time is surely not over it must not be refused.
func (h *lockHolder) write(token uint64, safe time.Duration) {
	if !h.guarded.write(token) && h.now() < safe {
		h.complain("the holder of token %d was refused, %v before its time was over", token, safe-h.now())
	}
}

// obtain tries until it has the lock, or the test is over. It returns until when it
// surely has it.
func (h *lockHolder) obtain() (token uint64, safe time.Duration, ok bool) {
	holder := newHolder()
	first := h.now()
	for h.ctx.Err() == nil {
		asked := h.now()
		resp, err := ask(h.ctx, lockWait+wireTimeout, func(ctx context.Context) (*eventnodev1.ObtainLockResponse, error) {
			return h.locks().ObtainLock(ctx, &eventnodev1.ObtainLockRequest{
				Lock: &eventnodev1.LockName{Name: lockName}, Holder: holder, Ttl: durationpb.New(lockTTL), Wait: durationpb.New(lockWait),
			})
		})
		if err == nil {
			in := lockInput{Verb: lockObtain, Token: resp.GetLock().GetToken(), Asked: asked, Ended: h.now(), TTL: lockTTL}
			h.mu.Lock()
			op := lockOperation(h.id, in, lockDone)
			op.Call = int64(first) // an earlier try may have obtained it
			h.list = append(h.list, op)
			h.mu.Unlock()
			return in.Token, in.until(), true
		}
		switch word := reason(err); word {
		case "LOCK_TAKEN":
		case "INVALID_ARGUMENT", "LIMIT":
			h.complain("%v", err)
			return 0, 0, false
		default:
			h.next()
		}
		h.wait(10 * time.Millisecond)
	}
	return 0, 0, false
}

// refresh keeps the lock, and says until when; false: it is lost, or it is not known.
func (h *lockHolder) refresh(token uint64) (safe time.Duration, ok bool) {
	in := lockInput{Verb: lockRefresh, Token: token, Asked: h.now(), TTL: lockTTL}
	_, err := ask(h.ctx, wireTimeout, func(ctx context.Context) (*eventnodev1.RefreshLockResponse, error) {
		return h.locks().RefreshLock(ctx, &eventnodev1.RefreshLockRequest{
			Lock: &eventnodev1.LockName{Name: lockName}, Token: token, Ttl: durationpb.New(lockTTL),
		})
	})
	in.Ended = h.now()
	switch {
	case err == nil:
		h.add(h.id, in, lockDone)
		return in.until(), true
	case reason(err) == "LOCK_LOST":
		h.add(h.id, in, lockLost)
	default:
		h.add(h.id, in, lockUnknown)
		h.next()
	}
	return 0, false
}

func (h *lockHolder) release(token uint64) {
	in := lockInput{Verb: lockRelease, Token: token, Asked: h.now()}
	_, err := ask(h.ctx, wireTimeout, func(ctx context.Context) (*eventnodev1.ReleaseLockResponse, error) {
		return h.locks().ReleaseLock(ctx, &eventnodev1.ReleaseLockRequest{Lock: &eventnodev1.LockName{Name: lockName}, Token: token})
	})
	in.Ended = h.now()
	if err != nil {
		h.add(h.id, in, lockUnknown)
		h.next()
		return
	}
	h.add(h.id, in, lockDone)
}

// finish waits until somebody gets the lock again, and checks the history.
func (l *locking) finish() {
	l.w.t.Helper()
	l.guarded.mu.Lock()
	before := l.guarded.token
	l.guarded.mu.Unlock()
	l.w.Eventually(30*time.Second, func() error {
		l.guarded.mu.Lock()
		defer l.guarded.mu.Unlock()
		if l.guarded.token == before {
			return fmt.Errorf("nobody gets the lock any more, after token %d", before)
		}
		return nil
	})
	l.stop()
	for _, problem := range l.problems.all() {
		l.w.t.Error(problem)
	}
	count := map[string]int{}
	for _, op := range l.list {
		count[fmt.Sprintf("%s %s", op.Input.(lockInput).Verb, op.Output)]++
	}
	l.w.t.Logf("operations on the lock: %v; guarded: %d writes taken, %d stale ones refused", count, l.guarded.taken, l.guarded.refused)
	result, info := porcupine.CheckOperationsVerbose(lockModel(), l.list, linearTimeout)
	if result == porcupine.Ok {
		return
	}
	picture := filepath.Join(l.w.dir, "lock.html")
	l.w.t.Errorf("operations on the lock: %s: see %s", result, picture)
	if err := porcupine.VisualizePath(lockModel(), info, picture); err != nil {
		l.w.t.Error(err)
	}
}

// One at a time has a lock, by the tokens and by time, while leaders are killed and
// paused, holders dawdle and forget it; who was late is refused by what it guards.
func TestLockHistory(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	l := newLocking(w)
	for range rounds() {
		for range 2 {
			w.waitFor(time.Duration(500+w.rnd.IntN(1500)) * time.Millisecond)
			leader := w.Leader(stream)
			w.Kill(leader.Name())
			w.progress("after the leader was killed")
			w.Restart(leader.Name())
		}
		w.waitFor(time.Duration(500+w.rnd.IntN(1500)) * time.Millisecond)
		leader := w.Leader(stream)
		w.Pause(leader.Name())
		w.progress("while the leader is paused")
		w.waitFor(lockTTL / 2)
		w.Resume(leader.Name())
		w.progress("after the leader woke")
	}
	l.finish()
	w.finish()
}
