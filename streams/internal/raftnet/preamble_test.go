package raftnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/internal/memnet"
)

// counted returns a counter's value.
func counted(t *testing.T, c prometheus.Collector) float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	if err := r.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := r.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("%d metrics, %v", len(families), err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}

// two is a called and a dialling end in a bubble, without Raft.
type two struct {
	*world
	nw             *memnet.Network
	called, caller *process
}

func pair(t *testing.T, tune func(*Config)) *two {
	t.Helper()
	w, nw := virtual(t)
	w.tune = tune
	p := &two{world: w, nw: nw, called: w.start("10.0.0.1", newDisk()), caller: w.start("10.0.0.2", newDisk())}
	return p
}

func (p *two) end() {
	p.called.end()
	p.caller.end()
}

func (p *two) target() raft.ServerAddress { return raft.ServerAddress(p.called.layer.Addr().String()) }

// raw connects past the dialler's end.
func (p *two) raw() net.Conn {
	p.t.Helper()
	address, _ := p.resolve(p.called.disk.id)
	conn, err := p.nw.Host("10.0.0.3").Dial(p.t.Context(), address)
	if err != nil {
		p.t.Fatal(err)
	}
	return conn
}

// good is a hello that the called end takes.
func (p *two) good() hello {
	return hello{
		lo: version, hi: version, cluster: "test", clusterUUID: p.cluster, partition: 1,
		sender: p.caller.disk.id, target: p.called.disk.id, nonce: newNonce(),
	}
}

func (p *two) refusedFor(label string) float64 {
	return counted(p.t, p.called.server.metrics.refused.WithLabelValues(label))
}

func TestWhatIsMeantForSomebodyElseIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		caller func(*Config)
		id     func(*Identity)
		target func(*two) uuid.UUID
		want   error
		label  string // of the called end's counter
	}{
		"name":      {caller: func(c *Config) { c.Cluster = "other" }, want: ErrForeignCluster, label: "foreign_cluster"},
		"secret":    {caller: func(c *Config) { c.Secret = []byte("guess") }, want: ErrBadProof, label: "broken"},
		"uuid":      {id: func(i *Identity) { i.Cluster = uuid.New() }, want: ErrForeignCluster, label: "foreign_cluster"},
		"partition": {id: func(i *Identity) { i.Partition = 2 }, want: ErrWrongPartition, label: "wrong_partition"},
		"target":    {target: func(*two) uuid.UUID { return uuid.New() }, want: ErrWrongTarget, label: "wrong_target"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, nw := virtual(t)
				p := &two{world: w, nw: nw, called: w.start("10.0.0.1", newDisk())}
				w.tune = tc.caller
				p.caller = w.start("10.0.0.2", newDisk())
				defer p.end()
				id := p.caller.layer.Identity()
				if tc.id != nil {
					tc.id(&id)
				}
				_ = p.caller.layer.Close()
				layer, err := p.caller.server.Open(id)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = layer.Close() }()
				target := p.called.disk.id
				if tc.target != nil {
					target = tc.target(p)
					address, _ := w.resolve(p.called.disk.id)
					w.moved(target, address)
				}
				_, err = layer.Dial(raft.ServerAddress(target.String()), time.Second)
				var dial *DialError
				if !errors.Is(err, tc.want) || !errors.As(err, &dial) || dial.Replica != target {
					t.Errorf("dialled with %v, want %v", err, tc.want)
				}
				var refused *RefusedError
				if said := errors.As(err, &refused); said == errors.Is(tc.want, ErrBadProof) {
					t.Errorf("refused by the other end: %v (%v)", said, err)
				}
				synctest.Wait()
				if got := p.refusedFor(tc.label); got != 1 {
					t.Errorf("counted %v refusals as %s", got, tc.label)
				}
			})
		})
	}
}

func TestAnUnknownReplicaAndABadAddressAreNotDialled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pair(t, nil)
		defer p.end()
		if _, err := p.caller.layer.Dial(raft.ServerAddress(uuid.NewString()), time.Second); !errors.Is(err, ErrUnknownReplica) {
			t.Errorf("unknown: %v", err)
		}
		if _, err := p.caller.layer.Dial("10.0.0.1:7000", time.Second); err == nil || !strings.Contains(err.Error(), "no UUID") {
			t.Errorf("host and port: %v", err)
		}
	})
}

// converseRaw plays a hello and whatever follows on a raw connection and returns
// the refusal.
func (p *two) converseRaw(said []byte, then ...[]byte) error {
	p.t.Helper()
	conn := p.raw()
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(said); err != nil {
		p.t.Fatal(err)
	}
	for _, more := range then {
		if _, err := readReply(conn, nonceBytes+proofBytes); err != nil {
			return err
		}
		if _, err := conn.Write(more); err != nil {
			p.t.Fatal(err)
		}
	}
	_, err := readReply(conn, 0)
	return err
}

func TestADiallerMustProveItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pair(t, nil)
		defer p.end()
		if err := p.converseRaw(p.good().encode(), make([]byte, proofBytes)); !errors.Is(err, ErrBadProof) {
			t.Errorf("zeros for a proof: %v", err)
		}
		if got := p.refusedFor("bad_proof"); got != 1 {
			t.Errorf("counted %v", got)
		}
	})
}

// recorder keeps what was written to a connection, write by write.
type recorder struct {
	net.Conn
	mu     *sync.Mutex
	writes *[][]byte
}

func (r recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	*r.writes = append(*r.writes, bytes.Clone(b))
	r.mu.Unlock()
	return r.Conn.Write(b)
}

func TestAProofIsNotGoodTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var writes [][]byte
		p := pair(t, func(c *Config) {
			dial := c.Dial
			c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
				conn, err := dial(ctx, address)
				return recorder{Conn: conn, mu: &mu, writes: &writes}, err
			}
		})
		defer p.end()
		conn, err := p.caller.layer.Dial(p.target(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if len(writes) != 2 {
			t.Fatalf("%d writes in a preamble", len(writes))
		}
		if err := p.converseRaw(writes[0], writes[1]); !errors.Is(err, ErrBadProof) {
			t.Errorf("played back: %v", err)
		}
	})
}

func TestOneEndsProofIsNotTheOthers(t *testing.T) {
	tr := transcript{hello: []byte("h"), calledNonce: []byte("n"), version: 1}
	secret := []byte("s")
	if tr.proves(secret, labelDialler, tr.proof(secret, labelCalled)) {
		t.Error("the called end's proof passes as the dialler's")
	}
	other := transcript{hello: []byte("hn"), version: 1}
	if other.proves(secret, labelCalled, tr.proof(secret, labelCalled)) {
		t.Error("two transcripts read the same")
	}
}

func TestVersionsThatDoNotMeetAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pair(t, nil)
		defer p.end()
		h := p.good()
		h.lo, h.hi = version+1, version+3
		if err := p.converseRaw(h.encode()); !errors.Is(err, ErrVersion) {
			t.Errorf("too new: %v", err)
		}
		h = p.good()
		h.hi = version + 3 // a newer dialler that still speaks ours, and appends
		said := append(h.encode(), "appended"...)
		said[len(preface)+3] += byte(len("appended"))
		conn := p.raw()
		defer func() { _ = conn.Close() }()
		_, _ = conn.Write(said)
		if got, err := readReply(conn, nonceBytes+proofBytes); err != nil || got.version != version {
			t.Errorf("newer: version %d, %v", got.version, err)
		}
	})
}

func TestGarbageAndHalvesAndSlownessEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged lockedBuffer
		p := pair(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&logged, nil)) })
		defer p.end()
		good := p.good().encode()

		garbage := append([]byte(preface), bytes.Repeat([]byte{0xff}, 4)...)
		if err := p.converseRaw(garbage); !errors.Is(err, ErrMalformed) {
			t.Errorf("garbage: %v", err)
		}
		lying := bytes.Clone(good)
		lying[headBytes] = 255 // a name longer than the hello
		if err := p.converseRaw(lying); !errors.Is(err, ErrMalformed) {
			t.Errorf("lying: %v", err)
		}

		hungUp := p.raw()
		_, _ = hungUp.Write(good[:headBytes+3])
		_ = hungUp.Close()

		begin := time.Now()
		slow := p.raw()
		defer func() { _ = slow.Close() }()
		var dripping sync.WaitGroup
		dripping.Go(func() {
			for i := range good {
				if _, err := slow.Write(good[i : i+1]); err != nil {
					return
				}
				<-time.After(500 * time.Millisecond)
			}
		})
		if b, err := io.ReadAll(slow); len(b) > 0 {
			t.Errorf("the slow one was told %q, %v", b, err)
		}
		if took := time.Since(begin); took > 10*time.Second { // the port's 5 s for the preface, and ours
			t.Errorf("held for %v", took)
		}
		dripping.Wait()
		for label, want := range map[string]float64{"malformed": 2, "broken": 1, "timeout": 1} {
			if got := p.refusedFor(label); got != want {
				t.Errorf("%s: %v, want %v", label, got, want)
			}
		}
		for range 100 {
			_ = p.converseRaw(garbage)
		}
		if lines := strings.Count(logged.String(), "\n"); lines > 4 {
			t.Errorf("%d lines logged", lines)
		}
	})
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestTheSilentDoNotKeepOthersOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pair(t, func(c *Config) { c.MaxPending = 4 })
		defer p.end()
		for range 20 {
			conn := p.raw()
			defer func() { _ = conn.Close() }()
			_, _ = conn.Write([]byte(preface))
		}
		synctest.Wait()
		begin := time.Now()
		conn, err := p.caller.layer.Dial(p.target(), time.Second)
		if err != nil || time.Since(begin) > 100*time.Millisecond {
			t.Fatalf("dialled after %v: %v", time.Since(begin), err)
		}
		_ = conn.Close()
		if got := p.refusedFor("evicted"); got != 17 { // all but four, and one for the good one
			t.Errorf("evicted %v", got)
		}
	})
}

func TestAClosedLayerRefusesAndMayBeOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pair(t, nil)
		defer p.end()
		conn, err := p.caller.layer.Dial(p.target(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		accepted, err := p.called.layer.Accept()
		if err != nil {
			t.Fatal(err)
		}
		id := p.called.layer.Identity()
		if _, err := p.called.server.Open(id); !errors.Is(err, ErrOpen) {
			t.Errorf("opened twice: %v", err)
		}
		_ = p.called.layer.Close()
		if _, err := accepted.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the accepted end: %v", err)
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("the dialled end is still open")
		}
		if _, err := p.called.layer.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept: %v", err)
		}
		if _, err := p.called.layer.Dial(p.target(), time.Second); !errors.Is(err, net.ErrClosed) {
			t.Errorf("dial: %v", err)
		}
		if _, err := p.caller.layer.Dial(p.target(), time.Second); !errors.Is(err, ErrWrongPartition) {
			t.Errorf("dialled while closed: %v", err)
		}
		if p.called.layer, err = p.called.server.Open(id); err != nil {
			t.Fatal(err)
		}
		again, err := p.caller.layer.Dial(p.target(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_ = again.Close()
	})
}

func TestADialEndsInTimeAndWithItsLayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pair(t, nil)
		defer p.end()
		l, err := p.nw.Host("10.0.0.4").Listen(rpcPort) // takes connections and says nothing
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		p.moved(p.called.disk.id, l.Addr().String())
		begin := time.Now()
		if _, err := p.caller.layer.Dial(p.target(), 2*time.Second); err == nil || time.Since(begin) != 2*time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		begin = time.Now()
		time.AfterFunc(time.Second, func() { _ = p.caller.layer.Close() })
		if _, err := p.caller.layer.Dial(p.target(), time.Minute); err == nil || time.Since(begin) != time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

func TestATooLargeCrowdIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pair(t, nil)
		defer p.end()
		for range acceptQueue {
			conn, err := p.caller.layer.Dial(p.target(), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			synctest.Wait()
		}
		if _, err := p.caller.layer.Dial(p.target(), time.Second); !errors.Is(err, ErrBusy) {
			t.Errorf("nobody accepts: %v", err)
		}
	})
}

func TestARequestThatStopsInTheMiddleFreesItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pair(t, nil)
		defer p.end()
		out, err := p.caller.layer.Dial(p.target(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		in, err := p.called.layer.Accept()
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 8)
		begin := time.Now()
		time.AfterFunc(time.Hour, func() { _, _ = out.Write([]byte("req")) })
		if n, err := in.Read(b); n != 3 || err != nil || time.Since(begin) != time.Hour {
			t.Fatalf("an idle connection: %d, %v after %v", n, err, time.Since(begin))
		}
		begin = time.Now()
		if _, err := in.Read(b); err == nil || time.Since(begin) != 10*time.Second {
			t.Errorf("half a request: %v after %v", err, time.Since(begin))
		}
		if _, err := in.Write([]byte("resp")); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Hour, func() { _, _ = out.Write([]byte("next")) })
		if n, err := in.Read(b); n != 4 || err != nil {
			t.Errorf("the next request: %d, %v", n, err)
		}
	})
}

func TestAWriteWithoutProgressEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pair(t, nil)
		defer p.end()
		out, err := p.caller.layer.Dial(p.target(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_ = out.SetDeadline(time.Now().Add(10 * time.Hour)) // as for a large snapshot
		begin := time.Now()
		if _, err := out.Write(make([]byte, 4<<20)); err == nil || time.Since(begin) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestBadConfigIsRefused(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("no resolver")
	}
	if _, err := New(Config{Resolve: (&world{}).resolve, Cluster: strings.Repeat("x", 256)}); err == nil {
		t.Error("a name of 256 bytes")
	}
	r := prometheus.NewRegistry()
	s, err := New(Config{Resolve: (&world{}).resolve, Registerer: r})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(Identity{}); err == nil {
		t.Error("no UUIDs")
	}
	if _, err := New(Config{Resolve: (&world{}).resolve, Registerer: r}); err == nil {
		t.Error("two servers' metrics in one registry")
	}
}

func FuzzHello(f *testing.F) {
	h := hello{lo: 1, hi: 1, cluster: "test", partition: 3, sender: uuid.New(), target: uuid.New(), nonce: newNonce()}
	f.Add(h.encode())
	f.Add([]byte(preface + "\x01\x01\x00\x45\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		h, raw, err := readHello(r)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, errBroken) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.HasPrefix(b, raw) || r.Len() != len(b)-len(raw) {
			t.Fatal("read more or less than the hello")
		}
		again, _, err := readHello(bytes.NewReader(h.encode()))
		if err != nil || again != h {
			t.Fatalf("%+v became %+v, %v", h, again, err)
		}
	})
}

func FuzzReply(f *testing.F) {
	f.Add(reply{version: version}.encode(), 0)
	f.Add(refusal(codeBusy, ErrBusy).encode(), 48)
	f.Fuzz(func(t *testing.T, b []byte, want int) {
		got, err := readReply(bytes.NewReader(b), want)
		if err == nil && len(got.payload) != want {
			t.Fatalf("%d bytes, wanted %d", len(got.payload), want)
		}
		var refused *RefusedError
		if errors.As(err, &refused) && len(refused.Text) > maxText*3 {
			t.Fatal("an endless text")
		}
	})
}
