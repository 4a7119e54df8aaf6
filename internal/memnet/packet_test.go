package memnet

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func packetPair(t *testing.T, n *Network) (a, b net.PacketConn) {
	t.Helper()
	a, err := n.Host(hostA).ListenPacket(0)
	if err != nil {
		t.Fatal(err)
	}
	b, err = n.Host(hostB).ListenPacket(53)
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// received reads all that comes until nothing does for a second.
func received(t *testing.T, c net.PacketConn) []string {
	t.Helper()
	var all []string
	buf := make([]byte, 100)
	for {
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		n, _, err := c.ReadFrom(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(buf[:n]))
	}
}

func send(t *testing.T, from, to net.PacketConn, count int) {
	t.Helper()
	for i := range count {
		if _, err := from.WriteTo(fmt.Append(nil, i), to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPacketsArriveWithSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := packetPair(t, New(Config{}))
		send(t, a, b, 1)
		buf := make([]byte, 10)
		n, from, err := b.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "0" || from.String() != a.LocalAddr().String() {
			t.Fatalf("got %q from %v, %v", buf[:n], from, err)
		}
		if _, err := a.WriteTo(make([]byte, maxDatagram+1), b.LocalAddr()); err == nil {
			t.Fatal("an oversize datagram was taken")
		}
	})
}

func TestPacketFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		fault    func(*Network)
		min, max int
	}{
		"none":      {func(*Network) {}, 1000, 1000},
		"delay":     {func(n *Network) { n.Delay(hostA, hostB, time.Millisecond, time.Second) }, 1000, 1000},
		"loss":      {func(n *Network) { n.Loss(hostA, hostB, 0.3) }, 600, 800},
		"loss, any": {func(n *Network) { n.Loss(Any, hostB, 0.3) }, 600, 800},
		"loss back": {func(n *Network) { n.Loss(hostB, hostA, 0.3) }, 1000, 1000},
		"cut":       {func(n *Network) { n.Cut(hostA, hostB) }, 0, 0},
		"cut back":  {func(n *Network) { n.Cut(hostB, hostA) }, 1000, 1000},
		"healed":    {func(n *Network) { n.Cut(hostA, hostB); n.Heal() }, 1000, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := New(Config{Seed: 3})
				a, b := packetPair(t, n)
				tc.fault(n)
				send(t, a, b, 1000)
				if got := len(received(t, b)); got < tc.min || got > tc.max {
					t.Fatalf("%d of 1000 arrived, want %d to %d", got, tc.min, tc.max)
				}
			})
		})
	}
}

func TestPacketQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := packetPair(t, New(Config{PacketQueue: 10}))
		send(t, a, b, 1000)
		if got := strings.Join(received(t, b), ""); got != "0123456789" {
			t.Fatalf("got %q, want the first ten", got)
		}
	})
}

func TestPacketsToPausedHostWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		a, b := packetPair(t, n)
		n.Pause(hostB)
		send(t, a, b, 3)
		time.AfterFunc(time.Minute, func() { n.Resume(hostB) })
		start := time.Now()
		if _, err := b.WriteTo([]byte("x"), a.LocalAddr()); err != nil || time.Since(start) != time.Minute {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		if got := received(t, b); len(got) != 3 {
			t.Fatalf("got %q", got)
		}
	})
}

func TestCrashEndsPacketSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		a, b := packetPair(t, n)
		time.AfterFunc(time.Second, func() { n.Crash(hostB) })
		if _, _, err := b.ReadFrom(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
		send(t, a, b, 1)
	})
}

// The same seed loses the same datagrams, whatever else goes on.
func TestSeedDecides(t *testing.T) {
	run := func(seed uint64, noise int) string {
		var got []string
		synctest.Test(t, func(t *testing.T) {
			n := New(Config{Seed: seed})
			n.Loss(Any, Any, 0.5)
			n.Delay(Any, Any, 0, time.Second)
			a, b := packetPair(t, n)
			c, _ := n.Host(hostC).ListenPacket(1)
			send(t, c, a, noise)
			send(t, a, b, 100)
			got = received(t, b)
		})
		return strings.Join(got, " ")
	}
	if first, second := run(1, 0), run(1, 50); first != second || first == "" {
		t.Fatalf("seed 1 gave\n%s\nthen\n%s", first, second)
	}
	if run(1, 0) == run(2, 0) {
		t.Fatal("seeds 1 and 2 gave the same")
	}
}
