package edge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gobwas/ws"
)

// What a client reads of a message is what a parser of JSON reads, and an event has the size
// that the page says.
func TestParsePayload(t *testing.T) {
	for _, n := range []uint64{1, 9, 123456, 1 << 40} {
		msg := peerMessage(n)
		var want struct {
			Op, S uint64
			T     string
			D     json.RawMessage
		}
		if err := json.Unmarshal(msg, &want); err != nil {
			t.Fatalf("%s: %v", msg, err)
		}
		p, ok := parsePayload(msg)
		id, numbered := eventNumber(p.data)
		if !ok || p.op != want.Op || p.seq != want.S || string(p.kind) != want.T || !bytes.Equal(p.data, want.D) || !numbered || id != n || len(p.data) != dataBytes {
			t.Errorf("%s is read as %+v", msg, p)
		}
	}
	if p, ok := parsePayload([]byte(`{"op":11,"s":null,"t":null,"d":null}`)); !ok || p.op != 11 {
		t.Errorf("%+v", p)
	}
	for _, bad := range []string{``, `{`, `{"op":x`, `{"op":0}`, `{"op":0,"s":1,"t":"A`, `{"op":0,"s":1,"t":"A"}`, `{"op":0,"s":1,"t":"A","d":`} {
		if p, ok := parsePayload([]byte(bad)); ok {
			t.Errorf("%s is read as %+v", bad, p)
		}
	}
}

// A client understands a server however what it says is cut; and notices what is lost, comes
// twice, is out of order or is not asked for.
func TestClient(t *testing.T) {
	text := func(format string, args ...any) []byte {
		return ws.MustCompileFrame(ws.NewTextFrame(fmt.Appendf(nil, format, args...)))
	}
	hello := append([]byte("HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n"), text(`{"op":10,"s":null,"t":null,"d":{"heartbeat_interval":41250}}`)...)
	ready := text(`{"op":0,"s":1,"t":"READY","d":{"session_id":"S","x":%q}}`, bytes.Repeat([]byte{'x'}, 70_000))
	event := func(seq, n uint64) []byte { return text(`{"op":0,"s":%d,"t":%q,"d":%s}`, seq, eventType, eventData(n)) }
	for name, c := range map[string]struct {
		say  [][]byte
		well bool
	}{
		"all":       {[][]byte{event(2, 1), event(3, 2)}, true},
		"lost":      {[][]byte{event(3, 2)}, false},
		"twice":     {[][]byte{event(2, 1), event(2, 1)}, false},
		"no number": {[][]byte{event(2, 1), event(3, 1)}, false},
		"too many":  {[][]byte{event(2, 1), event(3, 2), event(4, 3)}, false},
		"closed":    {[][]byte{ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(4000, "why")))}, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := &client{stage: upgrading, left: 2}
			var err error
			for _, said := range append([][]byte{hello, ready}, c.say...) {
				for len(said) > 0 && err == nil {
					n := 1 + rand.IntN(min(len(said), 9_000))
					_, err = x.received(said[:n])
					said = said[n:]
				}
			}
			if (err == nil) != c.well || c.well && (x.stage != live || x.session != "S" || x.left != 0 || x.seq != 3) {
				t.Errorf("%v: %+v", err, x)
			}
		})
	}
}

// Whatever a server says does not make a client panic.
func FuzzClient(f *testing.F) {
	f.Add([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"))
	f.Add(ws.MustCompileFrame(ws.NewTextFrame(peerMessage(1))))
	f.Fuzz(func(_ *testing.T, said []byte) {
		for _, at := range []stage{upgrading, greeting, starting, live} {
			_, _ = (&client{stage: at, left: 1}).received(said)
		}
	})
}
