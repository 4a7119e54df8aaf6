package node_test

import (
	"bufio"
	"compress/zlib"
	"encoding/json"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// wireClient reads payloads of JSON, of a whole stream that may be compressed.
type wireClient struct {
	conn     net.Conn
	payloads *json.Decoder
}

// wirePayload is what it reads.
type wirePayload struct {
	Op   int             `json:"op"`
	Type string          `json:"t"`
	Seq  uint64          `json:"s"`
	Data json.RawMessage `json:"d"`
}

// frames is what the messages of a connection have, as one stream.
type frames struct {
	from *bufio.Reader
	left []byte
}

// Read implements io.Reader.
func (f *frames) Read(p []byte) (int, error) {
	for len(f.left) == 0 {
		h, err := ws.ReadHeader(f.from)
		if err != nil {
			return 0, err
		}
		data := make([]byte, h.Length)
		if _, err := io.ReadFull(f.from, data); err != nil {
			return 0, err
		}
		if h.OpCode.IsData() {
			f.left = data
		}
	}
	n := copy(p, f.left)
	f.left = f.left[n:]
	return n, nil
}

// wire connects to a node with a query, and takes HELLO.
func (n *chatNode) wire(t *testing.T, query string, compressed bool) *wireClient {
	t.Helper()
	n.connect(t).Cut() // it takes clients
	conn, buffered, _, err := ws.Dial(waiting(t), "ws://"+n.GatewayAddress()+"/?"+query)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if buffered == nil {
		buffered = bufio.NewReader(conn)
	}
	var stream io.Reader = &frames{from: buffered}
	if compressed {
		if stream, err = zlib.NewReader(stream); err != nil {
			t.Fatal(err)
		}
	}
	c := &wireClient{conn, json.NewDecoder(stream)}
	var hello struct {
		Interval int `json:"heartbeat_interval"`
	}
	if p := c.next(t); p.Op != 10 || json.Unmarshal(p.Data, &hello) != nil || hello.Interval <= 0 {
		t.Fatalf("no HELLO but %+v", p)
	}
	return c
}

func (c *wireClient) next(t *testing.T) (p wirePayload) {
	t.Helper()
	if err := c.payloads.Decode(&p); err != nil {
		t.Fatal(err)
	}
	return p
}

func (c *wireClient) send(t *testing.T, op int, d any) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"op": op, "d": d})
	if err == nil {
		err = ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewTextFrame(text)))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// LC-T2, LC-T4, LC-T6 on nodes with a directory: READY of a person and of a bot, as it is and in
// a zlib-stream, of versions 9 and 10, says what the source's tests ask for; a heartbeat is
// answered behind it. A person of version 9 gets READY_SUPPLEMENTAL next, and nobody else.
func TestChatReady(t *testing.T) {
	nodes := chatNodes(t, 3)
	for i, c := range []struct {
		query      string
		compressed bool
		token      string
		want       []string
	}{
		{"v=10&encoding=json", false, "ann", []string{"READY"}},
		{"v=10&encoding=json&compress=zlib-stream", true, "ann", []string{"READY"}},
		{"v=9&encoding=json", false, "ann", []string{"READY", "READY_SUPPLEMENTAL"}},
		{"v=9&encoding=json&compress=zlib-stream", true, "ann", []string{"READY", "READY_SUPPLEMENTAL"}},
		{"v=10&encoding=json", false, "Bot bot", []string{"READY", "GUILD_CREATE"}},
		{"v=9&encoding=json&compress=zlib-stream", true, "Bot bot", []string{"READY", "GUILD_CREATE"}},
	} {
		k := nodes[i%3].wire(t, c.query, c.compressed)
		k.send(t, 2, map[string]any{"token": c.token, "properties": struct{}{}})
		for n, eventType := range c.want {
			p := k.next(t)
			if p.Op != 0 || p.Type != eventType || p.Seq != uint64(n+1) {
				t.Fatalf("%s for %s: %+v, want %s", c.query, c.token, p, eventType)
			}
			if n > 0 {
				continue
			}
			var ready struct {
				V       int
				User    struct{ ID, Username string }
				Guilds  []struct{ ID string }
				Private *[]any `json:"private_channels"`
				Session string `json:"session_id"`
			}
			if err := json.Unmarshal(p.Data, &ready); err != nil || ready.V < 9 || ready.User.ID == "" || len(ready.Guilds) != 1 || ready.Private == nil || ready.Session == "" {
				t.Errorf("%s for %s: %s, %v", c.query, c.token, p.Data, err)
			}
		}
		k.send(t, 1, len(c.want))
		for p := k.next(t); p.Op != 11; p = k.next(t) { // others who come are told of
			if p.Type != "PRESENCE_UPDATE" {
				t.Errorf("%s for %s: behind READY: %+v", c.query, c.token, p)
			}
		}
	}
}
