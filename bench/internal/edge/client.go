package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gobwas/ws"
)

// stage is how far a client is.
type stage uint8

const (
	idle       stage = iota // without a socket
	connecting              // waits until the socket takes the request
	upgrading               // waits for the answer
	greeting                // waits for HELLO
	starting                // waits for READY, or for RESUMED
	live
)

// client is the protocol of one client. It is told what came, and says what to write.
type client struct {
	plain   bool // no session: the peer's
	user    int
	stage   stage
	session string
	seq     uint64 // the newest
	newest  uint64 // the number of the newest event
	partial []byte // the beginning of a frame
	// left is how many events more are awaited.
	left int
}

// request is the request for a WebSocket.
func request(address string) []byte {
	return []byte("GET /?v=10&encoding=json HTTP/1.1\r\nHost: " + address + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
}

// received takes what was read, which it does not keep, and returns what to write.
func (c *client) received(b []byte) (answer []byte, err error) {
	if len(c.partial) > 0 {
		b = append(c.partial, b...)
		c.partial = nil
	}
	if c.stage == upgrading {
		if b, err = c.upgraded(b); b == nil || err != nil {
			return nil, err
		}
	}
	for {
		f, rest, ok, err := nextFrame(b)
		if err != nil {
			return answer, err
		}
		if !ok {
			if len(rest) > 0 {
				c.partial = bytes.Clone(rest)
			}
			return answer, nil
		}
		b = rest
		more, err := c.frame(f)
		if err != nil {
			return answer, err
		}
		answer = append(answer, more...)
	}
}

// upgraded takes the answer to the request, and returns what is behind it; nil: it is not
// whole.
func (c *client) upgraded(b []byte) (rest []byte, err error) {
	head, rest, whole := bytes.Cut(b, []byte("\r\n\r\n"))
	switch {
	case !whole:
		c.partial = bytes.Clone(b)
		return nil, nil
	case !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")):
		return nil, fmt.Errorf("no WebSocket but %.60q", head)
	}
	if c.stage = greeting; c.plain {
		c.stage = live
	}
	return rest, nil
}

func (c *client) frame(f frame) (answer []byte, err error) {
	switch f.op {
	case ws.OpText:
		return c.message(f.data)
	case ws.OpPing:
		return masked(ws.OpPong, f.data), nil
	case ws.OpClose:
		code, reason := ws.ParseCloseFrameData(f.data)
		return nil, fmt.Errorf("closed with %d: %s", code, reason)
	default:
		return nil, fmt.Errorf("a frame with opcode %d", f.op)
	}
}

// The opcodes of the gateway that a client knows.
const (
	opDispatch  = 0
	opHeartbeat = 1
	opIdentify  = 2
	opResume    = 6
	opHello     = 10
	opACK       = 11
)

func (c *client) message(msg []byte) (answer []byte, err error) {
	p, ok := parsePayload(msg)
	switch {
	case !ok:
		return nil, fmt.Errorf("not a payload: %.80q", msg)
	case p.op == opDispatch:
		return nil, c.event(p)
	case p.op == opACK:
		return nil, nil
	case p.op == opHello && c.stage == greeting:
		c.stage = starting
		return c.start()
	default:
		return nil, fmt.Errorf("not awaited: %.80q", msg)
	}
}

// intents are those for guilds, for messages, and for what they say.
const intents = 1<<0 | 1<<9 | 1<<15

// start is IDENTIFY, or RESUME if there is a session.
func (c *client) start() ([]byte, error) {
	token := fmt.Sprint(userID(c.user))
	if c.session != "" {
		return send(opResume, map[string]any{"token": token, "session_id": c.session, "seq": c.seq})
	}
	return send(opIdentify, map[string]any{"token": token, "intents": intents, "properties": struct{}{}})
}

func send(op int, data any) ([]byte, error) {
	b, err := json.Marshal(map[string]any{"op": op, "d": data})
	return masked(ws.OpText, b), err
}

// beat is a heartbeat; nil: it has no session.
func (c *client) beat() []byte {
	if c.plain || c.stage != live {
		return nil
	}
	return masked(ws.OpText, fmt.Appendf(nil, `{"op":%d,"d":%d}`, opHeartbeat, c.seq))
}

func (c *client) event(p payload) error {
	if string(p.kind) == "RESUMED" {
		if c.stage = live; p.seq != c.seq || c.left > 0 {
			return fmt.Errorf("resumed at %d, after %d, with %d events missing", p.seq, c.seq, c.left)
		}
		return nil
	}
	if !c.plain && p.seq != c.seq+1 {
		return fmt.Errorf("number %d after %d", p.seq, c.seq)
	}
	c.seq = p.seq
	switch string(p.kind) {
	case eventType:
		return c.counted(p.data)
	case "READY":
		return c.ready(p.data)
	default:
		return fmt.Errorf("an event %s, which nobody dispatched", p.kind)
	}
}

func (c *client) ready(data []byte) error {
	var said struct {
		Session string `json:"session_id"`
	}
	if err := json.Unmarshal(data, &said); err != nil {
		return err
	}
	if c.stage != starting || said.Session == "" {
		return errors.New("READY without a session, or again")
	}
	c.session, c.stage = said.Session, live
	return nil
}

// counted checks the number of an event, and counts it.
func (c *client) counted(data []byte) error {
	n, ok := eventNumber(data)
	if !ok || n != c.newest+1 || c.left == 0 {
		return fmt.Errorf("event %d after %d, with %d to come", n, c.newest, c.left)
	}
	c.newest = n
	c.left--
	return nil
}
