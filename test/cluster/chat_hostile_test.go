package cluster_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
)

// Clients that do harm, on purpose or not, to a node whose other clients must not notice.

// attacker is a connection that writes what it likes.
type attacker struct {
	conn   net.Conn
	frames *bufio.Reader
}

// attack connects to a node's gateway, and says nothing yet.
func (w *chatWorld) attack(node, query string) *attacker {
	w.t.Helper()
	conn, buffered, _, err := ws.Dial(w.soon(), "ws://"+w.Node(node).GatewayAddress()+"/?"+query)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	if buffered == nil {
		buffered = bufio.NewReader(conn)
	}
	return &attacker{conn, buffered}
}

func (a *attacker) frame(f ws.Frame) {
	_ = ws.WriteFrame(a.conn, ws.MaskFrameInPlace(f)) // who was closed reads why
}

func (a *attacker) text(s string) { a.frame(ws.NewTextFrame([]byte(s))) }

// end reads until the connection is closed, and returns why.
func (a *attacker) end() (code gateway.CloseCode, reason string, err error) {
	defer func() { _ = a.conn.Close() }()
	_ = a.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		h, err := ws.ReadHeader(a.frames)
		data := make([]byte, h.Length)
		if err == nil {
			_, err = io.ReadFull(a.frames, data)
		}
		if err != nil {
			return 0, "", fmt.Errorf("no close frame: %w", err)
		}
		if h.OpCode == ws.OpClose {
			code, reason := ws.ParseCloseFrameData(data)
			return gateway.CloseCode(code), reason, nil
		}
	}
}

// bomb is many zeros in few bytes, as some writer compresses them.
func bomb(compress func(io.Writer) io.WriteCloser) []byte {
	var b bytes.Buffer
	c := compress(&b)
	_, _ = c.Write(make([]byte, 3<<20)) // less than 4 KiB of it are left
	_ = c.Close()
	return b.Bytes()
}

var (
	zlibBomb  = bomb(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
	flateBomb = bomb(func(w io.Writer) io.WriteCloser { c, _ := flate.NewWriter(w, 9); return c })
	// termBomb is a compressed term that says it has four gigabytes.
	termBomb = append(binary.BigEndian.AppendUint32([]byte{131, 80}, 1<<32-1), zlibBomb...)
)

// attacks is what single connections do, and what they are closed with.
var attacks = []struct {
	name, query string
	do          func(*attacker)
	want        gateway.CloseCode
}{
	{"garbage", "v=10", func(a *attacker) { _, _ = a.conn.Write(bytes.Repeat([]byte("garbage "), 999)) }, gateway.CloseProtocol},
	{"no mask", "v=10", func(a *attacker) { _ = ws.WriteFrame(a.conn, ws.NewTextFrame([]byte(`{"op":1}`))) }, gateway.CloseProtocol},
	{"unknown opcode", "v=10", func(a *attacker) { a.text(`{"op":77}`) }, gateway.CloseBadOpcode},
	{"the gateway's opcode", "v=10", func(a *attacker) { a.text(`{"op":0,"t":"MESSAGE_CREATE","d":{}}`) }, gateway.CloseBadOpcode},
	{"presence first", "v=10", func(a *attacker) { a.text(`{"op":3,"d":{"status":"idle"}}`) }, gateway.CloseNotIdentified},
	{"no JSON", "v=10", func(a *attacker) { a.text(`{"op":`) }, gateway.CloseDecode},
	{"deep JSON", "v=10", func(a *attacker) { a.text(`{"op":1,"d":` + strings.Repeat("[", 2_000)) }, gateway.CloseDecode},
	{"no ETF", "v=10&encoding=etf", func(a *attacker) { a.text(`{"op":1}`) }, gateway.CloseDecode},
	{"compressed term", "v=10&encoding=etf", func(a *attacker) { a.frame(ws.NewBinaryFrame(slices.Clone(termBomb))) }, gateway.CloseDecode},
	{"compressed payload", "v=10", func(a *attacker) { a.frame(ws.NewBinaryFrame(slices.Clone(zlibBomb))) }, gateway.CloseDecode},
	{"compressed stream", "v=10&compress=zlib-stream", func(a *attacker) { a.frame(ws.NewBinaryFrame(slices.Clone(zlibBomb))) }, gateway.CloseDecode},
	{"compressed frame", "v=10", func(a *attacker) {
		f := ws.NewTextFrame(slices.Clone(flateBomb))
		f.Header.Rsv = ws.Rsv(true, false, false) // as permessage-deflate has it, which was not agreed
		a.frame(f)
	}, gateway.CloseProtocol},
	{"oversize", "v=10", func(a *attacker) { a.text(strings.Repeat(" ", 4_097)) }, gateway.CloseTooLarge},
	{"a terabyte is announced", "v=10", func(a *attacker) {
		_, _ = a.conn.Write([]byte{0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4})
	}, gateway.CloseTooLarge},
	{"endless fragments", "v=10", func(a *attacker) {
		a.frame(ws.NewFrame(ws.OpText, false, nil))
		for range 1_000 {
			a.frame(ws.NewFrame(ws.OpContinuation, false, nil))
		}
	}, gateway.CloseTooLarge},
	{"flood of heartbeats", "v=10", func(a *attacker) {
		for range 121 {
			a.text(`{"op":1,"d":null}`)
		}
	}, gateway.CloseRateLimited},
	{"flood of pings", "v=10", func(a *attacker) {
		for range 121 {
			a.frame(ws.NewPingFrame(nil))
		}
	}, gateway.CloseRateLimited},
	{"unknown token", "v=10", func(a *attacker) { a.text(`{"op":2,"d":{"token":"mallory","properties":{}}}`) }, gateway.CloseAuthentication},
}

// Whatever a client does to a node, it is closed with the code that says why, or refused, and
// there is a line in the log; the lines are bounded, and so is the memory. The sessions of the
// node, and of the others, get every event in the meantime, once and in order.
func TestChatHostileClients(t *testing.T) {
	w := startChat(t, "--gateway-identify-interval", "0")
	victim := w.login("n1", "ann")
	audience := w.audience(w.login("n1", "ben"), w.login("n2", "ben"), victim)
	stop := w.talk("n3", len(audience))
	for _, c := range attacks {
		a := w.attack("n1", c.query)
		c.do(a)
		if code, reason, err := a.end(); code != c.want {
			t.Errorf("%s: closed with %d %s, want %d: %v", c.name, code, reason, c.want, err)
		}
		w.logged("n1", fmt.Sprintf("remote=%s code=%d", a.conn.LocalAddr(), c.want))
	}
	w.noHTTP()
	w.stolen(victim.Session)
	w.slowReader()
	w.halfOpen()
	w.mob()
	w.heard(audience, stop())
	for _, name := range []string{"n1", "n2", "n3"} {
		if got := w.httpGet(name, "/readyz"); !strings.Contains(got, "200") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// noHTTP: who does not speak HTTP, or never ends its header, gets no connection.
func (w *chatWorld) noHTTP() {
	w.t.Helper()
	for _, said := range []string{"\x16\x03\x01 garbage\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "} {
		conn, err := net.Dial("tcp", w.Node("n1").GatewayAddress())
		if err != nil {
			w.t.Fatal(err)
		}
		_, _ = io.WriteString(conn, said)
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		answer, err := io.ReadAll(conn)
		if err != nil || len(answer) > 0 && !strings.Contains(string(answer), "400 Bad Request") {
			w.t.Errorf("%q: %q, %v", said, answer, err)
		}
		_ = conn.Close()
	}
}

// stolen: a session's id is worth nothing with the token of another user, on its node or on
// another one, or without one.
func (w *chatWorld) stolen(session string) {
	w.t.Helper()
	for _, node := range []string{"n1", "n3"} {
		thief := w.connect(node)
		if missed, err := thief.Resume(w.soon(), &gatewaytest.Client{Token: "eve", Session: session}); err == nil || !strings.Contains(err.Error(), "op 9") {
			w.t.Errorf("%s: %v, %v", node, missed, err)
		}
		w.logged(node, fmt.Sprintf(`msg="session was not resumed" remote=%s user=%d`, thief.LocalAddr(), eve))
		thief.Cut()
		thief = w.connect(node)
		_, err := thief.Resume(w.soon(), &gatewaytest.Client{Token: "mallory", Session: session})
		if end, ok := errors.AsType[*gatewaytest.ClosedError](err); !ok || end.Code != int(gateway.CloseAuthentication) {
			w.t.Errorf("%s: %v", node, err)
		}
	}
	if log := w.Node("n1").Log() + w.Node("n3").Log(); strings.Contains(log, session) || strings.Contains(log, "mallory") {
		w.t.Error("the log has a session's id, or a token")
	}
}

// slowReader: who does not read what he is sent falls out of his log, and his session is gone.
func (w *chatWorld) slowReader() {
	w.t.Helper()
	slow := w.login("n1", "eve")
	chat := w.Node("n1").Client().Chat()
	big := map[string]string{"content": strings.Repeat("x", 100_000)}
	for range 300 { // 30 MB: beyond what the kernel holds for a connection, and a log
		if _, err := chat.Dispatch(w.soon(), fmt.Sprint("user:", eve), "BIG", big); err != nil {
			w.t.Fatal(err)
		}
	}
	for err := error(nil); err == nil; {
		if _, err = slow.Next(w.soon()); err == nil {
			continue
		}
		if end, ok := errors.AsType[*gatewaytest.ClosedError](err); !ok || end.Code != int(gateway.CloseUnknown) || !strings.Contains(end.Reason, "too slowly") {
			w.t.Error(err)
		}
	}
	w.logged("n1", fmt.Sprintf(`remote=%s code=%d reason="the client reads too slowly`, slow.LocalAddr(), gateway.CloseUnknown))
	c := w.connect("n1")
	defer c.Cut()
	if _, err := c.Resume(w.soon(), slow); err == nil || !strings.Contains(err.Error(), "op 9") {
		w.t.Error(err)
	}
}

// halfOpen: a socket whose client is gone without a word does not keep the session from it,
// when it comes again, here or elsewhere.
func (w *chatWorld) halfOpen() {
	w.t.Helper()
	dead := w.login("n1", "eve") // it reads no more, and so answers no ping
	chat := w.Node("n2").Client().Chat()
	for _, node := range []string{"n1", "n3"} {
		if r, err := chat.Dispatch(w.soon(), fmt.Sprint("user:", eve), "MESSAGE_CREATE", map[string]string{"content": node}); err != nil || r.Count != 1 {
			w.t.Fatal(r, err)
		}
		c := w.connect(node)
		missed, err := c.Resume(w.soon(), dead)
		if err != nil || len(missed) != 1 || content(missed[0])[0] != node {
			w.t.Fatalf("%s: missed %v: %v", node, missed, err)
		}
		w.logged("n1", fmt.Sprintf(`msg="connection did not answer, its session is wanted elsewhere" remote=%s`, dead.LocalAddr()))
		dead = c
	}
	dead.Cut()
}

// mob: many who do harm at once make few lines, which are counted, and take little memory.
func (w *chatWorld) mob() {
	w.t.Helper()
	const (
		size, atOnce     = 1_000, 100
		perSecond, burst = 10, 50 // of lines
	)
	memory, connections := w.peakMemory("n1"), w.metric("n1", "eventnode_gateway_connections")
	lines, begun := strings.Count(w.Node("n1").Log(), "\n"), time.Now()
	var mob sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i := range size {
		mob.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			w.attackAndGo(attacks[i%len(attacks)].query, attacks[i%len(attacks)].do)
		})
	}
	mob.Wait()
	w.Eventually(10*time.Second, func() error {
		if n := w.metric("n1", "eventnode_gateway_connections"); n != connections {
			return fmt.Errorf("%v connections, want %v", n, connections)
		}
		return nil
	})
	if n, most := strings.Count(w.Node("n1").Log(), "\n")-lines, burst+perSecond*int(time.Since(begun).Seconds()+1); n > most {
		w.t.Errorf("%d lines, at most %d are to be", n, most)
	}
	if w.metric("n1", "eventnode_gateway_unlogged_total") == 0 {
		w.t.Error("no line was left out")
	}
	if grown := w.peakMemory("n1") - memory; grown > 128<<20 {
		w.t.Errorf("the node grew by %d MiB", grown>>20)
	}
}

// attackAndGo is one of many.
func (w *chatWorld) attackAndGo(query string, do func(*attacker)) {
	conn, _, _, err := ws.Dial(w.t.Context(), "ws://"+w.Node("n1").GatewayAddress()+"/?"+query)
	if err != nil {
		w.t.Error(err)
		return
	}
	do(&attacker{conn: conn})
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.Copy(io.Discard, conn) // until it is closed, or reset with data unread
	_ = conn.Close()
}
