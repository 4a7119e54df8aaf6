package gateway_test

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/internal/encoding"
	"github.com/eventnode/eventnode/sessions"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

const (
	alice = sessions.Snowflake(1001)
	bob   = sessions.Snowflake(1002)
	many  = sessions.Snowflake(1003) // is in more guilds than one session may have
)

const (
	evenGuild = sessions.Snowflake(4 << 22)
	oddGuild  = sessions.Snowflake(5 << 22)
)

// world is gateways that share a chat service.
type world struct {
	*gatewaytest.Backend
	t testing.TB
}

func newWorld(t testing.TB, cfg sessions.Config) *world {
	t.Helper()
	guilds := map[sessions.Snowflake][]sessions.Snowflake{alice: {evenGuild, oddGuild}, bob: {evenGuild}}
	for i := range sessions.Snowflake(gatewaytest.MaxGuilds + 1) {
		guilds[many] = append(guilds[many], 1+i<<22)
	}
	b, err := gatewaytest.New(cfg, guilds)
	if err != nil {
		t.Fatal(err)
	}
	return &world{b, t}
}

// edge is a gateway that runs.
type edge struct {
	*gateway.Gateway
	world    *world
	url      string // ws://host:port
	log      *safeBuffer
	registry *prometheus.Registry
	stop     func()
}

// noLimits is for tests that are about something else.
var noLimits = gateway.Limits{IdentifyInterval: -1, Messages: -1, Presences: -1, Sessions: -1}

func (w *world) edge(change func(*gateway.Config)) *edge {
	w.t.Helper()
	e := &edge{world: w, log: &safeBuffer{}, registry: prometheus.NewRegistry()}
	cfg := gateway.Config{
		Backend: w.Backend,
		Authenticator: gatewaytest.Tokens{
			"alice": {User: alice}, "bob": {User: bob, Bot: true}, "many": {User: many},
		},
		Limits:     noLimits,
		Registerer: e.registry,
		Logger:     slog.New(slog.NewTextHandler(e.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&cfg)
	}
	g, err := gateway.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	e.Gateway = g
	srv := httptest.NewServer(g.Handler())
	e.url = "ws" + strings.TrimPrefix(srv.URL, "http")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	<-g.Ready()
	e.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		srv.Close()
	})
	w.t.Cleanup(e.stop)
	return e
}

// oneEdge is a world with one gateway.
func oneEdge(t testing.TB, change func(*gateway.Config)) *edge {
	t.Helper()
	return newWorld(t, sessions.Config{}).edge(change)
}

// metric is the value of one, by its name without eventnode_gateway_ and its label.
func (e *edge) metric(name, label string) float64 {
	e.world.t.Helper()
	families, err := e.registry.Gather()
	if err != nil {
		e.world.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "eventnode_gateway_"+name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// safeBuffer is written by several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// eventually waits for what must come true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not in time: ", what)
		}
	}
}

// client is a client of the protocol, as plain as can be.
type client struct {
	t      testing.TB
	world  *world
	conn   net.Conn
	frames *bufio.Reader
	query  string
	stream *json.Decoder // of a compressed connection
	silent bool          // it answers no pings
}

// payload is what a client gets.
type payload struct {
	Op int             `json:"op"`
	D  json.RawMessage `json:"d"`
	S  uint64          `json:"s"`
	T  string          `json:"t"`
}

func (p payload) String() string { return fmt.Sprintf("{%d %s %d %.300s}", p.Op, p.T, p.S, p.D) }

// closed is that the connection was closed with a code.
type closed struct {
	code   ws.StatusCode
	reason string
}

func (c closed) Error() string { return fmt.Sprintf("closed: %d %s", c.code, c.reason) }

// dial connects, and says nothing yet.
func (e *edge) dial(query string) *client {
	e.world.t.Helper()
	c, err := e.tryDial(query)
	if err != nil {
		e.world.t.Fatal(err)
	}
	return c
}

func (e *edge) tryDial(query string) (*client, error) {
	conn, buffered, _, err := ws.Dial(context.Background(), e.url+"/?"+query)
	if err != nil {
		return nil, err
	}
	if buffered == nil {
		buffered = bufio.NewReaderSize(conn, 512)
	}
	c := &client{t: e.world.t, world: e.world, conn: conn, frames: buffered, query: query}
	switch {
	case strings.Contains(query, "zlib-stream"):
		c.stream = json.NewDecoder(&lazyReader{open: func() (io.Reader, error) { return zlib.NewReader(&messages{c: c}) }})
	case strings.Contains(query, "zstd-stream"):
		c.stream = json.NewDecoder(&lazyReader{open: func() (io.Reader, error) {
			return zstd.NewReader(&messages{c: c}, zstd.WithDecoderConcurrency(1))
		}})
	}
	e.world.t.Cleanup(func() { conn.Close() })
	return c, nil
}

// lazyReader opens a reader when it is read.
type lazyReader struct {
	open func() (io.Reader, error)
	r    io.Reader
}

func (l *lazyReader) Read(p []byte) (n int, err error) {
	if l.r == nil {
		if l.r, err = l.open(); err != nil {
			return 0, err
		}
	}
	return l.r.Read(p)
}

// messages is the messages of a connection as one stream.
type messages struct {
	c    *client
	left []byte
}

func (m *messages) Read(p []byte) (int, error) {
	if len(m.left) == 0 {
		_, data, err := m.c.message()
		if err != nil {
			return 0, err
		}
		m.left = data
	}
	n := copy(p, m.left)
	m.left = m.left[n:]
	return n, nil
}

// message is the next message.
func (c *client) message() (ws.OpCode, []byte, error) {
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(patience))
		h, err := ws.ReadHeader(c.frames)
		if err != nil {
			return 0, nil, err
		}
		data := make([]byte, h.Length)
		if _, err := io.ReadFull(c.frames, data); err != nil {
			return 0, nil, err
		}
		switch h.OpCode {
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(data)
			return 0, nil, closed{code, reason}
		case ws.OpPing:
			if !c.silent {
				c.frame(ws.NewPongFrame(data))
			}
		case ws.OpPong:
			return ws.OpPong, data, nil
		default:
			return h.OpCode, data, nil
		}
	}
}

// next is the next payload.
func (c *client) next() (p payload, err error) {
	if c.stream != nil {
		err = c.stream.Decode(&p)
		return p, err
	}
	kind, data, err := c.message()
	if err != nil {
		return p, err
	}
	if strings.Contains(c.query, "etf") {
		got, err := encoding.Decode(encoding.ETF, data)
		if err == nil && got.Seq != nil {
			p.S = *got.Seq
		}
		p.Op, p.D, p.T = got.Op, got.D, got.Type
		return p, err
	}
	if kind == ws.OpBinary { // each message by itself
		z, err := zlib.NewReader(bytes.NewReader(data))
		if err != nil {
			return p, err
		}
		if data, err = io.ReadAll(z); err != nil {
			return p, err
		}
	}
	return p, json.Unmarshal(data, &p)
}

func (c *client) must() payload {
	c.t.Helper()
	p, err := c.next()
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// op expects a payload with an opcode.
func (c *client) op(op int) payload {
	c.t.Helper()
	p := c.must()
	if p.Op != op {
		c.t.Fatalf("got %v, want opcode %d", p, op)
	}
	return p
}

// event expects an event.
func (c *client) event(kind string, seq uint64) payload {
	c.t.Helper()
	p := c.op(0)
	if p.T != kind || p.S != seq {
		c.t.Fatalf("got %v, want %s %d", p, kind, seq)
	}
	return p
}

// closes expects that the connection is closed with a code, whatever comes before.
func (c *client) closes(code gateway.CloseCode) closed {
	c.t.Helper()
	for {
		var err error
		if c.stream != nil {
			_, err = c.next()
		} else {
			_, _, err = c.message()
		}
		if err == nil {
			continue
		}
		end, ok := errors.AsType[closed](err)
		if !ok || end.code != ws.StatusCode(code) {
			c.t.Fatalf("it ended with %v, want %d", err, code)
		}
		c.conn.Close()
		return end
	}
}

// frame writes a frame, masked.
func (c *client) frame(f ws.Frame) {
	_ = ws.WriteFrame(c.conn, ws.MaskFrameInPlace(f)) // what was closed is seen by who reads
}

func (c *client) text(s string) { c.frame(ws.NewTextFrame([]byte(s))) }

func (c *client) send(op int, d any) {
	c.t.Helper()
	if strings.Contains(c.query, "etf") {
		b, err := encoding.NewWriter(encoding.ETF, encoding.None).Control(nil, op, d)
		if err != nil {
			c.t.Fatal(err)
		}
		c.frame(ws.NewBinaryFrame(b))
		return
	}
	b, err := json.Marshal(map[string]any{"op": op, "d": d})
	if err != nil {
		c.t.Fatal(err)
	}
	c.text(string(b))
}

type object = map[string]any

// identify is a client that has its READY, and the session.
func (e *edge) identify(query, token string, more object) (*client, *sessions.Session) {
	e.world.t.Helper()
	c := e.dial(query)
	c.op(10)
	c.identify(token, more)
	return c, c.ready()
}

func (c *client) identify(token string, more object) {
	c.t.Helper()
	d := object{"token": token, "properties": object{"os": "plan9"}}
	maps.Copy(d, more)
	c.send(2, d)
}

// ready expects READY, and is the session.
func (c *client) ready() *sessions.Session {
	c.t.Helper()
	var d struct {
		Session sessions.ID `json:"session_id"`
	}
	p := c.event("READY", 1)
	if err := json.Unmarshal(p.D, &d); err != nil {
		c.t.Fatal(err)
	}
	return c.world.session(d.Session)
}

func (w *world) session(id sessions.ID) *sessions.Session {
	w.t.Helper()
	s, err := w.Session(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}
