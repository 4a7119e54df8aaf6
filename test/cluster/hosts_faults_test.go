package cluster_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/test/cluster"
)

// station is a UDP socket on a node's machine, which counts what it is sent.
type station struct {
	t    *testing.T
	conn net.PacketConn
	from time.Time // what the times in datagrams count from

	mu       sync.Mutex
	numbers  []uint64 // in the order of arrival
	youngest time.Duration
}

// port is that of all stations.
const port = "9000"

func listen(t *testing.T, n *cluster.Node) *station {
	t.Helper()
	s := &station{t: t, from: time.Now(), youngest: time.Hour}
	err := n.OnHost(func() (err error) {
		s.conn, err = net.ListenPacket("udp4", net.JoinHostPort(n.HostAddress(), port))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(s.read)
	t.Cleanup(func() {
		_ = s.conn.Close()
		reading.Wait()
	})
	return s
}

func (s *station) read() {
	var b [16]byte
	for {
		n, _, err := s.conn.ReadFrom(b[:])
		if err != nil || n != len(b) {
			return
		}
		age := time.Since(s.from) - time.Duration(binary.BigEndian.Uint64(b[8:]))
		s.mu.Lock()
		s.numbers = append(s.numbers, binary.BigEndian.Uint64(b[:]))
		s.youngest = min(s.youngest, age)
		s.mu.Unlock()
	}
}

// send sends datagram number n, whose age counts from when to began.
func (s *station) send(n uint64, to *station) {
	s.t.Helper()
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], n)
	binary.BigEndian.PutUint64(b[8:], uint64(time.Since(to.from)))
	if _, err := s.conn.WriteTo(b[:], to.conn.LocalAddr()); err != nil {
		s.t.Fatalf("the sender of number %d is told: %v", n, err)
	}
}

func (s *station) got() (numbers []uint64, youngest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]uint64(nil), s.numbers...), s.youngest
}

// has is nil when so many have come.
func (s *station) has(n int) error {
	if numbers, _ := s.got(); len(numbers) != n {
		return fmt.Errorf("%d datagrams of %d", len(numbers), n)
	}
	return nil
}

// machines are three with one station each, and no node.
func machines(t *testing.T) (c *cluster.Cluster, s [3]*station) {
	t.Helper()
	cluster.NeedLossyHosts(t)
	c = cluster.Start(t, cluster.Config{Processes: true, Hosts: true, Late: []string{"n1", "n2", "n3"}})
	for i := range s {
		s[i] = listen(t, c.Node(fmt.Sprintf("n%d", i+1)))
	}
	return c, s
}

// Of what one machine sends to another, with a loss of 30 %, some 30 % is lost, nobody is told,
// and all else arrives. The other direction, and others, lose nothing.
func TestHostsLose(t *testing.T) {
	c, s := machines(t)
	c.LossTo("n1", "n2", 0.3)
	const rounds, batch = 20, 100 // a batch fits into a socket's buffer
	for round := range rounds {
		for i := range batch {
			n := uint64(round*batch + i)
			s[0].send(n, s[1])
			s[1].send(n, s[0])
			s[0].send(n, s[2])
		}
		sent := (round + 1) * batch
		c.Eventually(10*time.Second, func() error {
			if got := c.Traffic("n1", "n2"); got.Lost+got.Passed != uint64(sent) {
				return fmt.Errorf("%+v of %d", got, sent)
			}
			return s[1].has(int(c.Traffic("n1", "n2").Passed))
		})
		c.Eventually(10*time.Second, func() error { return s[0].has(sent) })
		c.Eventually(10*time.Second, func() error { return s[2].has(sent) })
	}
	// Five standard deviations of 2,000 are 5 %.
	if got := c.Traffic("n1", "n2"); got.Lost < 500 || got.Lost > 700 || got.Full != 0 {
		t.Errorf("%+v of %d", got, rounds*batch)
	}
	if other := c.Traffic("n2", "n1"); other != (cluster.Traffic{}) {
		t.Errorf("the other direction goes by the detour: %+v", other)
	}
	c.Loss(0)
	s[0].send(1, s[1])
	c.Eventually(10*time.Second, func() error { return s[1].has(int(c.Traffic("n1", "n2").Passed) + 1) })
}

// What is delayed by 50 to 100 ms arrives no earlier than after 50 ms, all of it, and not in
// the order in which it was sent. The other direction keeps its order.
func TestHostsDelay(t *testing.T) {
	const least = 50 * time.Millisecond
	c, s := machines(t)
	c.Delay("n1", "n2", least, 2*least)
	const n = 100
	for i := range uint64(n) {
		s[0].send(i, s[1])
		s[1].send(i, s[0])
	}
	c.Eventually(10*time.Second, func() error { return s[1].has(n) })
	c.Eventually(10*time.Second, func() error { return s[0].has(n) })
	there, youngest := s[1].got()
	if youngest < least {
		t.Errorf("one has come after %v", youngest)
	}
	back, _ := s[0].got()
	if overtaken(there) == 0 || overtaken(back) != 0 {
		t.Errorf("%d have overtaken another, and %d in the direction that is not delayed", overtaken(there), overtaken(back))
	}
	if got := c.Traffic("n1", "n2"); got != (cluster.Traffic{Passed: n}) {
		t.Errorf("%+v", got)
	}
}

// overtaken is how many have come after one that was sent later.
func overtaken(numbers []uint64) (n int) {
	for i := range numbers {
		if i > 0 && numbers[i] < numbers[i-1] {
			n++
		}
	}
	return n
}

// A cut of one direction stops that one only, also one that is lossy; its sender gets no
// error, and it is as it was when it is healed.
func TestHostsCutOneWay(t *testing.T) {
	c, s := machines(t)
	c.LossTo("n1", "n2", 0.0001)
	c.Cut("n1", "n2")
	for i := range uint64(50) {
		s[0].send(i, s[1])
		s[1].send(i, s[0])
	}
	c.Eventually(10*time.Second, func() error { return s[0].has(50) })
	c.Heal()
	for i := range uint64(50) {
		s[0].send(100+i, s[1])
	}
	c.Eventually(10*time.Second, func() error {
		if got := c.Traffic("n1", "n2"); got.Passed+got.Lost != 50 {
			return fmt.Errorf("%+v", got)
		}
		return s[1].has(int(c.Traffic("n1", "n2").Passed))
	})
	if numbers, _ := s[1].got(); numbers[0] < 100 {
		t.Errorf("number %d has crossed the cut", numbers[0])
	}
}

// Three nodes whose machines are 50 ms apart, and lose a fifth of all packets, stay one
// cluster: nobody is lost, and a subscriber that holds its publisher up gets all that it is not
// told to have missed.
func TestClusterLivesThroughLossAndDelay(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	cluster.NeedLossyHosts(t)
	c := cluster.Start(t, cluster.Config{Processes: true, Hosts: true})
	before := epochs(t, c)
	var tallies []*tally
	for _, n := range c.Running() {
		tallies = append(tallies, follow(t, n.Name(), n.Client(), "topic:bad", eventnode.WithPolicy(eventnode.PolicyBlock)))
	}
	for _, from := range c.Running() {
		for _, to := range c.Running() {
			if from != to {
				c.Delay(from.Name(), to.Name(), 50*time.Millisecond, 60*time.Millisecond)
			}
		}
	}
	c.Loss(0.2)
	p, err := c.Node("n1").Client().NewPublisher(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const n = 500
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := range uint64(n) {
		<-tick.C
		dispatchTo(t, p, "topic:bad", i+1)
		if i%100 != 0 {
			continue
		}
		if now := epochs(t, c); !maps.Equal(before, now) {
			t.Errorf("after %d events: nodes before %v, now %v", i, before, now)
		}
	}
	if got := c.Traffic("n1", "n2"); got.Lost == 0 || got.Passed == 0 || got.Full != 0 {
		t.Errorf("%+v", got)
	}
	c.Loss(0)
	c.Eventually(20*time.Second, c.Linked)
	if after := epochs(t, c); !maps.Equal(before, after) {
		t.Errorf("nodes before %v, after %v", before, after)
	}
	// What comes after a gap that told of the last ones: by it, all is over.
	dispatchTo(t, p, "topic:bad", n+1)
	for _, y := range tallies {
		c.Eventually(30*time.Second, func() error { return y.reached(n + 1) })
		s := y.now()
		t.Logf("%s: got %d, told %d missing, gaps %+v; the longest rest %v", y.name, s.got, s.told, s.gaps, s.rest)
		if !s.unknown() && s.got+s.told != n+1 || s.got == 0 {
			t.Errorf("%s: got %d, told %d missing", y.name, s.got, s.told)
		}
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("publisher: %v", err)
	}
}

// reached is nil when the last event was this one.
func (y *tally) reached(n uint64) error {
	if s := y.now(); s.err != nil || s.last != n {
		return fmt.Errorf("%s: %+v", y.name, s)
	}
	return nil
}
