package gateway

import (
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode/internal/encoding"
	"github.com/eventnode/eventnode/sessions"
)

// outgoing is what is to be written to one client, and the only place that writes.
//
// There is no goroutine that waits for something to write: who has something kicks, and
// the kick has one of the writers write, or begins a goroutine that writes until nothing is
// left. So what is idle costs none.
//
// What is written, in this order: what the protocol answers; what a resume replays, with
// RESUMED behind it; the events of the session's log; the close frame, after which there is
// nothing.
type outgoing struct {
	conn    net.Conn
	raw     syscall.RawConn // nil: it cannot be asked what it takes at once
	timeout time.Duration
	metrics *metrics
	writers *writers
	// lag is told what ended the socket, by the goroutine that writes.
	lag func(error)
	// broken is told why the connection does not take any more.
	broken func(error)

	mu      sync.Mutex
	codec   *encoding.Writer
	answers []answer // at most maxAnswers
	socket  *sessions.Socket
	replay  *replay
	bye     []byte // the payload of a close frame
	busy    bool   // a goroutine writes
	again   bool   // and there is something new
	over    bool   // nothing is written any more
	idle    chan struct{}
}

// answer is a payload with an opcode, or a control frame of the WebSocket protocol.
type answer struct {
	op    int
	data  any
	frame ws.OpCode // not 0: a control frame
	bytes []byte
}

// replay is what a client missed, and the number of the last event in it.
type replay struct {
	events []sessions.Sent
	last   uint64
}

// maxAnswers bounds what waits to be answered. The limit of messages is reached first, but
// for clients whose limit is off.
const maxAnswers = 256

// say adds an answer. It reports whether there was room.
func (o *outgoing) say(a answer) bool {
	o.mu.Lock()
	full := len(o.answers) >= maxAnswers
	if !full && !o.over {
		o.answers = append(o.answers, a)
	}
	o.mu.Unlock()
	o.kick()
	return !full
}

// serve has the events of a socket written from now on, behind a replay if there is one,
// with another codec unless that is nil.
func (o *outgoing) serve(k *sessions.Socket, r *replay, codec *encoding.Writer) {
	o.mu.Lock()
	o.socket, o.replay = k, r
	if codec != nil {
		o.codec = codec
	}
	o.mu.Unlock()
	k.Notify(o.kick)
	o.kick()
}

// close has a close frame be the last thing. The first one counts.
func (o *outgoing) close(payload []byte) {
	o.mu.Lock()
	if o.bye == nil {
		o.bye = payload
	}
	o.mu.Unlock()
	o.kick()
}

// kick has somebody look for something to write. It does not wait, and is called with a
// session's lock held: nothing that holds o.mu may call a session.
func (o *outgoing) kick() {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.over:
	case o.busy:
		o.again = true
	default:
		o.busy = true
		o.writers.add(o)
	}
}

// stop has nothing be written any more, and waits until nobody writes. The connection is
// closed: so nobody waits for the client.
func (o *outgoing) stop() {
	o.mu.Lock()
	o.over = true
	if !o.busy {
		o.mu.Unlock()
		return
	}
	idle := make(chan struct{})
	o.idle = idle
	o.mu.Unlock()
	<-idle
}

// leave has no more events be written.
func (o *outgoing) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.socket, o.replay = nil, nil
}
