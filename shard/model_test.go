package shard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode/internal/encoding"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/source"
)

// hostile is a gateway that does whatever can go wrong, by chance, until it is to be good.
// It knows what it has sent.
type hostile struct {
	*peers
	mu    sync.Mutex
	r     *rand.Rand
	good  bool
	logs  map[string][]string // by session: the data of its events, which begin with 1
	dead  map[string]bool
	count map[string]int // what happened
}

func newHostile(t testing.TB, seed uint64) *hostile {
	h := &hostile{peers: &peers{t: t}, r: rand.New(rand.NewPCG(seed, 0)), logs: map[string][]string{}, dead: map[string]bool{}, count: map[string]int{}}
	h.serve = h.connection
	return h
}

// chance is true one time in n, as long as it is hostile.
func (h *hostile) chance(what string, n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.good || h.r.IntN(n) > 0 {
		return false
	}
	h.count[what]++
	return true
}

func (h *hostile) intn(n int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.r.IntN(n)
}

func (h *hostile) isGood() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.good
}

// line is one connection.
type line struct {
	*peer
	h       *hostile
	session string
	said    chan encoding.Payload // closed when the shard has gone
	mute    atomic.Bool           // no ACKs
}

func (h *hostile) connection(p *peer) {
	p.compressed()
	if h.chance("no HELLO", 20) {
		time.Sleep(time.Minute)
		return
	}
	p.hello(10_000)
	l := &line{peer: p, h: h, said: make(chan encoding.Payload)}
	over := make(chan struct{})
	var reads sync.WaitGroup
	reads.Go(func() { l.read(over) })
	for l.begin() && l.live() {
	}
	time.Sleep(10 * time.Millisecond) // what was said last is on its way
	close(over)
	p.conn.Close()
	reads.Wait()
}

func (l *line) read(over <-chan struct{}) {
	defer close(l.said)
	for {
		got, ok := l.next(!l.mute.Load())
		if !ok {
			return
		}
		select {
		case l.said <- got:
		case <-over:
			return
		}
	}
}

// begin answers IDENTIFY and RESUME, until there is a session.
func (l *line) begin() bool {
	for got := range l.said {
		switch {
		case got.Op == 2 && !l.h.chance("IDENTIFY refused", 10):
			l.ready()
			return true
		case got.Op == 2:
			l.control(9, false)
		case got.Op == 6 && l.resume(got):
			return true
		}
	}
	return false
}

func (l *line) ready() {
	l.h.mu.Lock()
	l.session = fmt.Sprint("s", len(l.h.logs)+1)
	l.h.logs[l.session] = nil
	l.h.mu.Unlock()
	l.emit("READY", map[string]any{"session_id": l.session})
}

// resume replays, perhaps from further back than it need; or does not.
func (l *line) resume(got encoding.Payload) bool {
	session, seq := resumed(l.t, got)
	if l.h.chance("RESUME later", 10) {
		l.control(9, true)
		return false
	}
	l.h.mu.Lock()
	log, dead := l.h.logs[session], l.h.dead[session]
	l.h.mu.Unlock()
	if int(seq) > len(log) {
		l.t.Errorf("%s is resumed at %d of %d", session, seq, len(log))
	}
	if dead || l.h.chance("session lost", 10) {
		l.kill(session)
		l.control(9, false)
		return false
	}
	l.session = session
	for n := max(int(seq)-l.h.intn(4), 0); n < len(log); n++ {
		l.send(n+1, log[n])
		if l.h.chance("cut in a replay", 100) {
			return false
		}
	}
	if l.h.intn(2) == 0 {
		l.emit("RESUMED", nil)
	} else {
		l.event(uint64(len(log)), "RESUMED", nil)
	}
	return true
}

func (l *line) kill(session string) {
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	l.h.dead[session] = true
}

// add adds an event to the session's log, and is its number.
func (l *line) add(data string) int {
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	l.h.logs[l.session] = append(l.h.logs[l.session], data)
	return len(l.h.logs[l.session])
}

// emit adds an event and sends it. Its data has its name.
func (l *line) emit(kind string, d any) {
	data, err := json.Marshal(d)
	if err != nil {
		l.t.Error(err)
	}
	text := kind + " " + string(data)
	l.send(l.add(text), text)
}

func (l *line) send(seq int, text string) {
	kind, data, _ := strings.Cut(text, " ")
	l.event(uint64(seq), kind, json.RawMessage(data))
}

// live sends events, and does what is wrong, until the connection ends (false) or there is
// no session on it any more.
func (l *line) live() bool {
	for n := 0; ; n++ {
		select {
		case _, ok := <-l.said:
			if !ok {
				return false
			}
		case <-time.After(time.Duration(l.h.intn(400)) * time.Millisecond):
		}
		switch {
		case l.h.isGood():
			l.emit("END", nil)
			for range l.said {
			}
			return false
		case l.h.chance("left out", 30):
			l.add("LOST null")
		case l.h.chance("unreadable", 30) && !l.codec.Binary():
			l.add("LOST null")
			l.frame(ws.NewTextFrame([]byte(`{"op":0,"s":`)))
		case l.h.chance("sent again", 20):
			l.h.mu.Lock()
			log := l.h.logs[l.session]
			at := l.h.r.IntN(len(log))
			l.h.mu.Unlock()
			l.send(at+1, log[at])
		case l.h.chance("unknown", 30):
			l.control(99, nil)
		case l.h.chance("beat", 30):
			l.control(1, nil)
		default:
			if !l.worse() {
				return false
			}
			l.emit("X", n)
		}
	}
}

// worse is what ends connections.
func (l *line) worse() bool {
	switch {
	case l.h.chance("cut", 60):
	case l.h.chance("broken stream", 60) && l.codec.Binary():
		l.frame(ws.NewBinaryFrame([]byte("\x00\x01\x02\x03\x00\x00\xff\xff")))
	case l.h.chance("truncated frame", 60):
		whole, _ := ws.CompileFrame(ws.NewTextFrame([]byte(`{"op":0}`)))
		l.mu.Lock()
		l.queue = append(l.queue, whole[:5])
		l.more.Signal()
		l.mu.Unlock()
	case l.h.chance("RECONNECT", 60):
		l.control(7, nil)
	case l.h.chance("closed, session kept", 60):
		l.close(ws.StatusCode([]int{1000, 1001, 4000, 4008, 4999}[l.h.intn(5)]))
	case l.h.chance("closed, session ended", 150):
		l.kill(l.session)
		l.close(ws.StatusCode([]int{4003, 4007, 4009}[l.h.intn(3)]))
	case l.h.chance("INVALID_SESSION", 150):
		l.kill(l.session)
		l.control(9, false)
	case l.h.chance("silent", 100):
		l.mute.Store(true)
		for range l.said {
		}
	default:
		return true
	}
	return false
}

// told is what was delivered, checked as it comes: each event of a session, in order, and
// the right one; or a gap in its place.
type told struct {
	h        *hostile
	session  string // empty: none, or one of which a gap has told that it has ended
	seq      uint64
	gaps     int
	sessions int
	ended    chan struct{}
}

func (o *told) check(p source.Payload) error {
	if p.Name == shard.GapName {
		var g shard.Gap
		if err := json.Unmarshal(p.Data, &g); err != nil {
			return err
		}
		if g.Session != o.session || g.First != o.seq+1 {
			return fmt.Errorf("gap %+v behind %d of %s", g, o.seq, o.session)
		}
		o.gaps++
		if o.seq = g.Last; g.Last == 0 {
			o.session = ""
		}
		return nil
	}
	if o.session == "" && p.Name == "READY" {
		o.session, o.seq = p.Origin.Session, 0
		o.sessions++
	}
	o.h.mu.Lock()
	log := o.h.logs[p.Origin.Session]
	o.h.mu.Unlock()
	switch {
	case p.Origin.Session != o.session || p.Origin.Seq != o.seq+1:
		return fmt.Errorf("%d of %s behind %d of %s", p.Origin.Seq, p.Origin.Session, o.seq, o.session)
	case p.Origin.Seq > uint64(len(log)) || log[p.Origin.Seq-1] != p.Name+" "+string(p.Data):
		return fmt.Errorf("%d of %s is %s %s", p.Origin.Seq, p.Origin.Session, p.Name, p.Data)
	}
	if o.seq++; p.Name == "END" {
		close(o.ended)
	}
	return nil
}

// Whatever a gateway does, what is delivered is exactly what it sent, in order, or a gap is
// told in its place; also if the shard is stopped now and then, and goes on elsewhere.
func TestModel(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	for range rounds {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { model(t, seed) })
		})
	}
}

func model(t *testing.T, seed uint64) {
	h := newHostile(t, seed)
	o := &told{h: h, ended: make(chan struct{})}
	r := rand.New(rand.NewPCG(seed, 1))
	var at shard.Resume
	moves := 0
	for stage := 0; ; stage++ {
		cfg := h.config()
		cfg.Resume, cfg.ReadAhead, cfg.SettledAfter = at, 1+r.IntN(20), 10*time.Second
		cfg.Compress = []string{"none", "zlib-stream", "zstd-stream"}[r.IntN(3)]
		s, err := shard.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		go func() {
			over <- s.Run(t.Context(), func(_ context.Context, p source.Payload) error {
				time.Sleep(time.Duration(h.intn(300)) * time.Millisecond)
				return o.check(p)
			})
		}()
		if stage == 8 {
			h.mu.Lock()
			h.good = true
			h.mu.Unlock()
		}
		select {
		case err := <-over:
			t.Errorf("it has ended: %v", err)
			h.wait()
			return
		case <-o.ended:
			if _, err := s.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			if err := <-over; err != nil {
				t.Error(err)
			}
			h.wait()
			t.Logf("%d sessions, %d gaps, %d moves, %v", o.sessions, o.gaps, moves, h.count)
			return
		case <-time.After(time.Duration(r.IntN(600)) * time.Second):
			if stage > 100 {
				t.Error("the last event does not come")
			}
			if at, err = s.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			if err := <-over; err != nil {
				t.Error(err)
			}
			if t.Failed() {
				h.wait()
				return
			}
			moves++
		}
	}
}
