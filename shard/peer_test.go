package shard_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode/internal/encoding"
	"github.com/eventnode/eventnode/shard"
)

// peers is a gateway of a test's own, on connections in memory: so that it can do whatever
// is wrong, in virtual time.
type peers struct {
	t     testing.TB
	serve func(*peer) // each connection's, in a goroutine; it is closed behind
	each  sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

// peer is the gateway's end of a connection. What it sends waits until it is read, and holds
// nobody up.
type peer struct {
	*peers
	conn   net.Conn
	query  string
	codec  *encoding.Writer // guarded by coding
	coding sync.Mutex
	speaks encoding.Format // what the shard sends

	mu     sync.Mutex
	more   sync.Cond
	queue  [][]byte
	closed bool
}

// Dial is for Config.Dial.
func (ps *peers) Dial(context.Context, string, string) (net.Conn, error) {
	mine, theirs := net.Pipe()
	ps.mu.Lock()
	ps.conns = append(ps.conns, theirs)
	ps.mu.Unlock()
	p := &peer{peers: ps, conn: theirs, codec: encoding.NewWriter(encoding.JSON, encoding.None)}
	p.more.L = &p.mu
	ps.each.Go(p.run)
	return mine, nil
}

func (p *peer) run() {
	defer p.conn.Close()
	up := ws.Upgrader{OnRequest: func(uri []byte) error { p.query = string(uri); return nil }}
	if _, err := up.Upgrade(p.conn); err != nil {
		return
	}
	var writes sync.WaitGroup
	writes.Go(p.write)
	p.serve(p)
	p.mu.Lock()
	p.closed = true
	p.more.Signal()
	p.mu.Unlock()
	writes.Wait()
}

// write writes what was sent, until the peer has served.
func (p *peer) write() {
	for {
		p.mu.Lock()
		for len(p.queue) == 0 && !p.closed {
			p.more.Wait()
		}
		if len(p.queue) == 0 {
			p.mu.Unlock()
			return
		}
		next := p.queue[0]
		p.queue = p.queue[1:]
		p.mu.Unlock()
		if _, err := p.conn.Write(next); err != nil {
			return
		}
	}
}

// frame sends a frame.
func (p *peer) frame(f ws.Frame) {
	bytes, err := ws.CompileFrame(f)
	if err != nil {
		p.t.Error(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, bytes)
	p.more.Signal()
}

// payload sends a payload. A stream's are in the order in which they were encoded.
func (p *peer) payload(encode func() ([]byte, error)) {
	p.coding.Lock()
	defer p.coding.Unlock()
	bytes, err := encode()
	if err != nil {
		p.t.Error(err)
	}
	if p.codec.Binary() {
		p.frame(ws.NewBinaryFrame(bytes))
	} else {
		p.frame(ws.NewTextFrame(bytes))
	}
}

func (p *peer) control(op int, d any) {
	p.payload(func() ([]byte, error) { return p.codec.Control(nil, op, d) })
}

func (p *peer) event(seq uint64, kind string, d any) {
	p.payload(func() ([]byte, error) { return p.codec.Dispatch(nil, seq, kind, d) })
}

func (p *peer) close(code ws.StatusCode) {
	p.frame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, "")))
}

// hello says HELLO, every so many milliseconds.
func (p *peer) hello(interval int) { p.control(10, map[string]int{"heartbeat_interval": interval}) }

// next is what the shard says next; not ok: it has gone. Heartbeats are acknowledged, if
// they are to be.
func (p *peer) next(acks bool) (got encoding.Payload, ok bool) {
	for {
		h, err := ws.ReadHeader(p.conn)
		if err != nil {
			return got, false
		}
		data := make([]byte, h.Length)
		if _, err := io.ReadFull(p.conn, data); err != nil {
			return got, false
		}
		ws.Cipher(data, h.Mask, 0)
		switch h.OpCode {
		case ws.OpClose:
			if code, _ := ws.ParseCloseFrameData(data); code == 1000 || code == 1001 {
				p.t.Errorf("closed with %d, after which a gateway ends the session", code)
			}
			return got, false
		case ws.OpPong:
			continue
		default:
		}
		if got, err = encoding.Decode(p.speaks, data); err != nil {
			p.t.Errorf("the shard sends %q: %v", data, err)
			return got, false
		}
		if got.Op != 1 {
			return got, true
		}
		if acks {
			p.control(11, nil)
		}
	}
}

// resumed is what a RESUME says.
func resumed(t testing.TB, p encoding.Payload) (session string, seq uint64) {
	var d struct {
		Session string `json:"session_id"`
		Seq     uint64
	}
	if err := json.Unmarshal(p.D, &d); err != nil {
		t.Error(err)
	}
	return d.Session, d.Seq
}

// wait waits for all connections' goroutines.
func (ps *peers) wait() {
	ps.mu.Lock()
	for _, c := range ps.conns {
		c.Close()
	}
	ps.mu.Unlock()
	ps.each.Wait()
}

func (ps *peers) config() shard.Config {
	return shard.Config{Name: "chat", Token: "secret", Gateway: "ws://gateway", Dial: ps.Dial, Compress: "none"}
}

// nextBeat waits for a heartbeat, and acknowledges it.
func (p *peer) nextBeat() (seen string, ok bool) {
	h, err := ws.ReadHeader(p.conn)
	if err != nil {
		return "", false
	}
	data := make([]byte, h.Length)
	if _, err := io.ReadFull(p.conn, data); err != nil || h.OpCode != ws.OpText {
		return "", false
	}
	ws.Cipher(data, h.Mask, 0)
	got, err := encoding.Decode(p.speaks, data)
	if err != nil || got.Op != 1 {
		return "", false
	}
	p.control(11, nil)
	return string(got.D), true
}

// left is how many frames wait to be read.
func (p *peer) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}
