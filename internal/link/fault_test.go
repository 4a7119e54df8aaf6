package link

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/memnet"
	"github.com/eventnode/eventnode/internal/wire"
)

var (
	faultSeed = flag.Uint64("link.seed", 0, "seed of the first fault schedule; 0 takes a random one")
	faultRuns = flag.Int("link.runs", 5, "number of fault schedules; 1 with -short")
)

// Three nodes, publishers on all lanes, and connections that are reset, cut one
// way and both ways, delayed, and machines that are paused: nothing arrives
// twice, nothing of one publisher arrives out of order, and whatever is missing
// was told before the events after it: by counts that are exact, or by a gap
// that says that nobody knows.
func TestFaultSchedules(t *testing.T) {
	seed := *faultSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	runs := uint64(*faultRuns)
	if testing.Short() {
		runs = 1
	}
	for i := range runs {
		t.Run(fmt.Sprint(seed+i), func(t *testing.T) {
			t.Logf("reproduce with -run TestFaultSchedules -link.runs 1 -link.seed %d", seed+i)
			synctest.Test(t, func(t *testing.T) { faultSchedule(t, seed+i) })
		})
	}
}

func faultSchedule(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	nw := memnet.New(memnet.Config{Seed: seed, StreamBuffer: 64 << 10})
	t.Cleanup(nw.Close)
	nw.Delay(memnet.Any, memnet.Any, 100*time.Microsecond, 2*time.Millisecond)
	var nodes []*testNode
	for i := range 3 {
		nodes = append(nodes, startNode(t, nw, i+1, 1, func(c *Config) {
			c.Lanes, c.LaneBytes, c.FrameBytes = 1+rnd.IntN(4), 64<<10, 16<<10
			c.Rand = rand.New(rand.NewPCG(seed, uint64(i)))
		}))
	}
	accounts := make(map[eventnode.NodeID]*account)
	for _, n := range nodes {
		accounts[n.ref.ID] = watch(t, n)
		n.links.SetPublishing()
		n.add(nodes...)
	}
	for _, n := range nodes {
		n.awaitUp(others(nodes, n)...)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	sent := new(ledger)
	for _, n := range nodes {
		for number := range 6 {
			own := rand.New(rand.NewPCG(seed, uint64(100+number)))
			wg.Go(func() { publish(n, others(nodes, n), number, own, sent, stop) })
		}
	}
	for range 25 {
		fault(nw, nodes, rnd)
	}
	nw.Heal()
	for _, n := range nodes {
		nw.Resume(n.ip)
	}
	close(stop)
	wg.Wait()
	settle(t, nodes)
	for _, n := range nodes {
		accounts[n.ref.ID].check(t, n, sent)
	}
}

func others(nodes []*testNode, n *testNode) (rest []*testNode) {
	for _, o := range nodes {
		if o != n {
			rest = append(rest, o)
		}
	}
	return rest
}

// publish sends numbered events to all others until stop, fast or slowly.
func publish(n *testNode, to []*testNode, number int, rnd *rand.Rand, sent *ledger, stop <-chan struct{}) {
	topic := fmt.Sprintf("topic:%d", number)
	for i := 1; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(rnd.IntN(20)) * time.Millisecond):
		}
		payload := fmt.Sprintf("%d %s", i, strings.Repeat("x", rnd.IntN(4<<10)))
		for _, p := range to {
			n.links.Send(context.Background(), p.ref, uint32(number), topic, wire.Piece{Data: record(topic, payload)}, 1)
			sent.note(n.ref, p.ref, topic)
		}
	}
}

// fault makes one and lets time pass.
func fault(nw *memnet.Network, nodes []*testNode, rnd *rand.Rand) {
	a := nodes[rnd.IntN(len(nodes))]
	b := others(nodes, a)[rnd.IntN(2)]
	wait := time.Duration(rnd.IntN(600)) * time.Millisecond
	switch rnd.IntN(7) {
	case 0:
		a.breakLinks()
	case 1:
		nw.Cut(a.ip, b.ip)
	case 2:
		nw.Partition([]string{a.ip})
	case 3:
		nw.Pause(a.ip)
		time.Sleep(wait)
		nw.Resume(a.ip)
	case 4:
		release := a.blockFrames()
		time.Sleep(wait)
		release()
	case 5:
		nw.Heal()
	case 6:
		nw.Cut(a.ip, b.ip)
		a.breakLinks()
		b.breakLinks()
	}
	time.Sleep(wait)
}

// settle waits until all links are up and nothing is queued or under way.
func settle(t *testing.T, nodes []*testNode) {
	t.Helper()
	for _, n := range nodes {
		n.awaitUp(others(nodes, n)...)
		for _, to := range others(nodes, n) {
			for lane := range uint32(4) {
				n.send(to, lane, "topic:last", "0") // carries the last notice of each lane
			}
		}
	}
	for _, n := range nodes {
		for _, to := range others(nodes, n) {
			eventually(t, time.Minute, func() bool {
				g := n.links.peer(to.ref).gen.Load()
				return g != nil && g.settled()
			})
		}
	}
}

// ledger counts what was sent: by sender, receiver and topic.
type ledger struct {
	mu   sync.Mutex
	sent map[string]int
}

func (l *ledger) note(from, to eventnode.NodeRef, topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent == nil {
		l.sent = make(map[string]int)
	}
	l.sent[fmt.Sprint(from, to, topic)]++
}

// account is what one node was told, by sender and topic.
type account struct {
	mu       sync.Mutex
	last     map[string]int // number of the last event
	received map[string]int
	dropped  map[string]int
	before   map[string]int // dropped before the last event
	gaps     map[eventnode.NodeRef]int
	seen     map[string]int // gaps before the last event
	problems []string
}

// watch keeps n's account.
func watch(t *testing.T, n *testNode) *account {
	t.Helper()
	a := &account{
		last: map[string]int{}, received: map[string]int{}, dropped: map[string]int{},
		before: map[string]int{}, gaps: map[eventnode.NodeRef]int{}, seen: map[string]int{},
	}
	n.quiet = true
	n.onGap = func(from eventnode.NodeRef) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.gaps[from]++
	}
	n.onDrop = func(from eventnode.NodeRef, topic string, count uint64) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.dropped[fmt.Sprint(from, topic)] += int(count)
	}
	n.onEvent = a.event
	return a
}

// event checks that the number grows, and that a jump was told before.
func (a *account) event(from eventnode.NodeRef, topic, payload string) {
	if topic == "topic:last" {
		return
	}
	number, _ := strconv.Atoi(strings.Fields(payload)[0])
	key := fmt.Sprint(from, topic)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.received[key]++
	missing := number - a.last[key] - 1
	told := a.dropped[key] - a.before[key]
	unknown := a.gaps[from] > a.seen[key]
	switch {
	case missing < 0:
		a.problems = append(a.problems, fmt.Sprintf("%s: %d after %d", key, number, a.last[key]))
	case missing < told || missing > told && !unknown:
		a.problems = append(a.problems, fmt.Sprintf("%s: %d missing before %d, told %d", key, missing, number, told))
	}
	a.last[key], a.before[key], a.seen[key] = number, a.dropped[key], a.gaps[from]
}

// check compares the account with what was sent.
func (a *account) check(t *testing.T, n *testNode, sent *ledger) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.problems) > 0 {
		t.Errorf("%s: %d problems, first: %s", n.ref, len(a.problems), a.problems[0])
	}
	total := 0
	for _, from := range []eventnode.NodeRef{{ID: "n1", Epoch: 1}, {ID: "n2", Epoch: 1}, {ID: "n3", Epoch: 1}} {
		if from == n.ref {
			continue
		}
		for number := range 6 {
			topic := fmt.Sprintf("topic:%d", number)
			key := fmt.Sprint(from, topic)
			missing := sent.sent[fmt.Sprint(from, n.ref, topic)] - a.received[key] - a.dropped[key]
			if missing < 0 || missing > 0 && a.gaps[from] == 0 {
				t.Errorf("%s: %d of %s unaccounted for, %d gaps", n.ref, missing, key, a.gaps[from])
			}
			total += a.received[key]
		}
	}
	t.Logf("%s: %d received, dropped %v, gaps %v", n.ref, total, a.dropped, a.gaps)
}
