package cluster

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// What becomes of the nth packet depends on the seed, the direction and the settings: the
// same run twice is the same, another seed or direction is another, and what the loss
// is does not change how long a packet takes.
func TestAPathIsDecidedByItsSeed(t *testing.T) {
	type fate struct {
		later   time.Duration
		arrives bool
	}
	draw := func(seed uint64, from, to int, loss float64) (list []fate) {
		p := newPath(seed, from, to)
		p.least, p.most, p.loss = time.Millisecond, time.Second, loss
		for range 1000 {
			later, arrives := p.take()
			if arrives {
				p.release()
			}
			list = append(list, fate{later, arrives})
		}
		return list
	}
	want := draw(1, 1, 2, 0.3)
	if !slices.Equal(want, draw(1, 1, 2, 0.3)) {
		t.Error("the same seed is another run")
	}
	for _, other := range [][]fate{draw(2, 1, 2, 0.3), draw(1, 2, 1, 0.3), draw(1, 1, 3, 0.3)} {
		if slices.Equal(want, other) {
			t.Error("another seed or direction is the same run")
		}
	}
	for i, f := range draw(1, 1, 2, 0) {
		if !f.arrives || want[i].arrives && want[i].later != f.later {
			t.Fatalf("packet %d: %+v without loss, %+v with it", i, f, want[i])
		}
	}
}

// A path loses as many as it is told to, within five standard deviations, and a packet
// takes no less than the least time and no more than the most.
func TestAPathKeepsToItsNumbers(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	p := newPath(seed, 1, 2)
	p.least, p.most, p.loss = 20*time.Millisecond, 30*time.Millisecond, 0.3
	const n = 10_000
	for range n {
		later, arrives := p.take()
		if !arrives {
			continue
		}
		p.release()
		if later < p.least || later > p.most {
			t.Fatalf("%v later", later)
		}
	}
	if p.traffic.Lost < 2770 || p.traffic.Lost > 3230 || p.traffic.Passed != n-p.traffic.Lost || p.traffic.Full != 0 {
		t.Errorf("%+v of %d", p.traffic, n)
	}
}

// So many packets are under way at most; more are lost, and counted, until one arrives.
func TestAPathIsBounded(t *testing.T) {
	p := newPath(1, 1, 2)
	p.least, p.most = time.Hour, time.Hour
	for range HostQueue + 3 {
		p.take()
	}
	if want := (Traffic{Passed: HostQueue, Full: 3}); p.traffic != want {
		t.Errorf("%+v, want %+v", p.traffic, want)
	}
	p.release()
	if _, arrives := p.take(); !arrives {
		t.Error("lost, though there is room")
	}
}

// fakeTap is the two directions of a tap interface.
type fakeTap struct {
	in     chan []byte
	out    chan []byte
	closed chan struct{}
}

func (f *fakeTap) Read(b []byte) (int, error) {
	select {
	case frame := <-f.in:
		return copy(b, frame), nil
	case <-f.closed:
		return 0, os.ErrClosed
	}
}

func (f *fakeTap) Write(b []byte) (int, error) {
	if string(b[headerSize:]) == "bad" {
		return 0, io.ErrShortWrite
	}
	f.out <- b
	return len(b), nil
}

func (f *fakeTap) Close() error {
	close(f.closed)
	return nil
}

// frame is one on its way from a machine to another by the detour.
func frame(from, to int, payload string) []byte {
	b := make([]byte, headerSize, headerSize+len(payload))
	copy(b, detourPrefix)
	copy(b[6:], stationPrefix)
	b[5], b[11] = byte(to), byte(from)
	return append(b, payload...)
}

// A detour sends each frame on when its time has come, one that is due earlier before one
// that came earlier, to its receiver and as the detour's own; those that are due together in their
// order; those of others not at all. An error of the interface is told at the end.
func TestDetour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := &fakeTap{in: make(chan []byte), out: make(chan []byte, 8), closed: make(chan struct{})}
		d := startDetour(tap, 1)
		slow := func(p *path) { p.least, p.most = 50*time.Millisecond, 50*time.Millisecond }
		if d.change(1, 2, slow) || !d.change(2, 1, func(*path) {}) {
			t.Error("a path that is slow is not healthy, and one that is not is")
		}
		start := time.Now()
		stranger := frame(1, 2, "of another")
		stranger[4] = 9
		for _, f := range [][]byte{frame(1, 2, "first"), frame(1, 2, "second"), stranger, frame(3, 2, "at once"), frame(1, 2, "bad")} {
			tap.in <- f
		}
		for _, want := range []struct {
			payload string
			later   time.Duration
		}{{"at once", 0}, {"first", 50 * time.Millisecond}, {"second", 50 * time.Millisecond}} {
			got := <-tap.out
			if later := time.Since(start); string(got[headerSize:]) != want.payload || later != want.later {
				t.Errorf("%s after %v, want %+v", got[headerSize:], later, want)
			}
			if head := string(got[:headerSize-2]); head != stationPrefix+"\x02"+detourPrefix+"\x02" {
				t.Errorf("the header is %x", head)
			}
		}
		synctest.Wait()
		if err := d.stop(); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("stopped: %v", err)
		}
		if got := d.traffic(1, 2); got.Passed != 3 {
			t.Errorf("%+v", got)
		}
	})
}

// Whatever a frame is: it is read without harm, and what goes by the detour goes on to
// where it says.
func FuzzEnds(f *testing.F) {
	f.Add(frame(1, 2, "payload"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		from, to, ok := ends(b)
		if !ok {
			return
		}
		if want := frame(from, to, ""); string(want[:12]) != string(b[:12]) {
			t.Fatalf("from %d to %d: %x", from, to, b[:12])
		}
		readdress(b, to)
		if _, _, again := ends(b); again || int(b[5]) != to {
			t.Fatalf("sent on as %x", b[:12])
		}
	})
}
