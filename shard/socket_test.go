package shard_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/internal/encoding"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/source"
)

// against runs a shard against a gateway of the test's own, in virtual time. serve is called
// with each connection and its number, until it says that all is done.
func against(t *testing.T, change func(*shard.Config), serve func(p *peer, n int) (done bool)) (got []source.Payload, r *running) {
	synctest.Test(t, func(t *testing.T) {
		ps := &peers{t: t}
		over := make(chan struct{})
		connections := 0
		ps.serve = func(p *peer) {
			connections++
			if serve(p, connections) {
				close(over)
				p.next(false)
			}
		}
		r = &running{t: t, registry: prometheus.NewRegistry()}
		cfg := ps.config()
		cfg.Registerer = r.registry
		if change != nil {
			change(&cfg)
		}
		s, err := shard.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			ended <- s.Run(t.Context(), func(_ context.Context, p source.Payload) error {
				got = append(got, p)
				return nil
			})
		}()
		<-over
		if _, err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		ps.wait()
	})
	return got, r
}

func names(list []source.Payload) string {
	var words []string
	for _, p := range list {
		words = append(words, p.Name)
	}
	return strings.Join(words, " ")
}

// ready opens a session, whose READY is event 1.
func (p *peer) ready() {
	p.hello(40_000)
	if got, ok := p.next(true); !ok || got.Op != 2 {
		p.t.Errorf("got op %d", got.Op)
	}
	p.event(1, "READY", map[string]any{"session_id": "s"})
}

// compressed has what is sent be as the shard asked.
func (p *peer) compressed() {
	for _, z := range []encoding.Compression{encoding.ZlibStream, encoding.ZstdStream} {
		if strings.Contains(p.query, z.String()) {
			p.codec = encoding.NewWriter(encoding.JSON, z)
		}
	}
}

// A message may come in fragments, with pings between them and in front of it: they are
// answered.
func TestFragmentsAndPings(t *testing.T) {
	got, _ := against(t, nil, func(p *peer, _ int) bool {
		p.ready()
		text := `{"op":0,"s":2,"t":"X","d":"in three parts"}`
		p.frame(ws.NewPingFrame([]byte("one")))
		p.frame(ws.NewFrame(ws.OpText, false, []byte(text[:10])))
		p.frame(ws.NewPingFrame([]byte("two")))
		p.frame(ws.NewFrame(ws.OpContinuation, false, []byte(text[10:20])))
		p.frame(ws.NewFrame(ws.OpContinuation, true, []byte(text[20:])))
		for _, want := range []string{"one", "two"} {
			h, err := ws.ReadHeader(p.conn)
			if err != nil || h.OpCode != ws.OpPong {
				p.t.Errorf("%v %v", err, h)
				return true
			}
			data := make([]byte, h.Length)
			_, _ = p.conn.Read(data)
			if ws.Cipher(data, h.Mask, 0); string(data) != want {
				p.t.Errorf("pong %q, want %q", data, want)
			}
		}
		time.Sleep(time.Second)
		return true
	})
	if len(got) != 2 || string(got[1].Data) != `"in three parts"` {
		t.Errorf("%v", got)
	}
}

// What goes beyond the limit of a payload, on the wire or inflated, ends the connection and
// not the shard; the session goes on behind what was read.
func TestTooLarge(t *testing.T) {
	for _, compress := range []string{"none", "zlib-stream", "zstd-stream"} {
		got, r := against(t, func(c *shard.Config) { c.MaxPayload, c.Compress = 5000, compress }, func(p *peer, n int) bool {
			p.compressed()
			if n == 1 {
				p.ready()
				p.event(2, "LARGE", strings.Repeat("a", 10_000))
				p.next(true)
				return false
			}
			p.hello(40_000)
			if got, _ := p.next(true); got.Op != 6 || string(got.D) != `{"token":"secret","session_id":"s","seq":1}` {
				p.t.Errorf("%d %s", got.Op, got.D)
			}
			p.event(2, "SMALL", 2)
			time.Sleep(time.Second)
			return true
		})
		if names(got) != "READY SMALL" || r.metric("disconnects_total", "unreadable") != 1 {
			t.Errorf("%s: %s", compress, names(got))
		}
	}
}

// A stream that breaks at the same place again and again costs the session in the end, and
// not the shard: consumers are told, and get a new one.
func TestPoisonedSession(t *testing.T) {
	got, r := against(t, func(c *shard.Config) { c.Compress = "zlib-stream" }, func(p *peer, n int) bool {
		p.compressed()
		if n == 1 || n == 5 {
			p.ready()
		} else {
			p.hello(40_000)
			if got, _ := p.next(true); got.Op != 6 {
				p.t.Errorf("op %d on connection %d", got.Op, n)
			}
		}
		if n == 5 {
			time.Sleep(time.Second)
			return true
		}
		p.frame(ws.NewBinaryFrame([]byte("no zlib\x00\x00\xff\xff")))
		p.next(true)
		return false
	})
	if names(got) != "READY GAP READY" || r.metric("disconnects_total", "unreadable") != 4 {
		t.Fatal(names(got), r.metric("disconnects_total", ""))
	}
	var g shard.Gap
	if err := json.Unmarshal(got[1].Data, &g); err != nil || g != (shard.Gap{Session: "s", First: 2, Why: shard.GapUnreadable}) {
		t.Errorf("%v %+v", err, g)
	}
}

// A compressed stream that is cut in the middle of a payload, and says nothing more, is
// noticed by the ACK that cannot come, and the payload comes with the next connection.
func TestTruncatedStream(t *testing.T) {
	got, r := against(t, func(c *shard.Config) { c.Compress = "zlib-stream" }, func(p *peer, n int) bool {
		p.compressed()
		if n == 1 {
			p.ready()
			whole, err := p.codec.Dispatch(nil, 2, "X", strings.Repeat("x", 100))
			if err != nil {
				p.t.Error(err)
			}
			p.frame(ws.NewBinaryFrame(whole[:len(whole)/2]))
			p.next(false)
			return false
		}
		p.hello(40_000)
		p.next(true)
		p.event(2, "X", 2)
		time.Sleep(time.Second)
		return true
	})
	if names(got) != "READY X" || r.metric("disconnects_total", "no_ack") != 1 {
		t.Error(names(got))
	}
}

// A connection that is lost while there is no credit is followed by another one, and the
// session goes on: HELLO is read without credit, events are not.
func TestResumesWithoutCredit(t *testing.T) {
	var block chan struct{}
	got, r := against(t, func(c *shard.Config) {
		c.ReadAhead, block = 1, make(chan struct{}) // of the bubble
		c.Normalise = func(_ string, data []byte) ([]byte, error) { <-block; return data, nil }
	}, func(p *peer, n int) bool {
		if n == 1 {
			p.ready()
			return false
		}
		p.hello(40_000)
		if got, ok := p.next(true); !ok || got.Op != 6 {
			p.t.Errorf("got op %d, %v", got.Op, ok)
		}
		p.event(2, "X", 2)
		time.Sleep(time.Second)
		close(block)
		time.Sleep(time.Second)
		return true
	})
	if names(got) != "READY X" || r.metric("connects_total", "resumed") != 0 || r.metric("disconnects_total", "") != 2 {
		t.Error(names(got), r.metric("disconnects_total", ""))
	}
}
