package inbox

import "github.com/eventnode/eventnode/event"

// What a call that wants several replies holds of them at most, until somebody takes them.
// One reply may exceed the bytes.
const (
	MaxQueued      = 1024
	MaxQueuedBytes = 16 << 20
)

// Desk is who waits for replies, by the ID of the request. The zero value is ready.
type Desk struct {
	calls map[string]*Call
	// Replies counts those that somebody waited for, Unclaimed the others, which are gone:
	// late ones, second ones, and what names no request of ours.
	Replies, Unclaimed uint64
}

// Call is one request that waits for replies.
type Call struct {
	// Wake, of capacity 1, says that Next may return something else than before.
	Wake chan struct{}

	id     string
	want   int // how many replies are the last; 0: any number
	came   int
	queue  []Reply
	bytes  int
	closed bool // no reply is taken any more
	end    End
}

// End is why no reply follows. The zero value: some may.
type End struct {
	// Over: all that were wanted came, or a replier said that there are no more.
	Over bool
	// Full names the bound that was reached, because nobody took replies fast enough; Max is
	// its value.
	Full string
	Max  int
	// Err is what Fail was called with.
	Err error
}

// some reports whether it is an end.
func (e End) some() bool { return e.Over || e.Full != "" || e.Err != nil }

// Open begins to wait for the replies to a request; want is how many, 0 for any number.
func (d *Desk) Open(id string, want int) *Call {
	if d.calls == nil {
		d.calls = make(map[string]*Call)
	}
	c := &Call{Wake: make(chan struct{}, 1), id: id, want: want}
	d.calls[id] = c
	return c
}

// Close ends the wait. What was not taken is gone.
func (d *Desk) Close(c *Call) {
	delete(d.calls, c.id)
	c.queue, c.closed = nil, true
}

// Deliver gives what came to the inbox to the call that waits for it, if there is one.
func (d *Desk) Deliver(ev event.Event) {
	id, r, ok := parseReply(ev)
	if ok {
		var c *Call
		if c, ok = d.calls[id]; ok {
			ok = c.put(r)
		}
	}
	if ok {
		d.Replies++
	} else {
		d.Unclaimed++
	}
}

// FailAll ends all calls: what came is still there, then err.
func (d *Desk) FailAll(err error) {
	for _, c := range d.calls {
		c.Fail(err)
	}
}

// put takes a reply in and reports whether it did.
func (c *Call) put(r Reply) bool {
	switch {
	case c.closed:
		return false
	case len(c.queue) >= MaxQueued:
		c.finish(End{Full: "max_queued_replies", Max: MaxQueued})
		return false
	case len(c.queue) > 0 && c.bytes+len(r.Event.Data) > MaxQueuedBytes:
		c.finish(End{Full: "max_queued_reply_bytes", Max: MaxQueuedBytes})
		return false
	}
	if !r.Only {
		c.came++
		c.queue = append(c.queue, r)
		c.bytes += len(r.Event.Data)
	}
	if r.Last || c.came == c.want && c.want > 0 {
		c.finish(End{Over: true})
	}
	c.wake()
	return true
}

// Fail ends the call, unless it has ended: what came is still there, then err.
func (c *Call) Fail(err error) { c.finish(End{Err: err}) }

// finish notes the first end.
func (c *Call) finish(e End) {
	if c.closed {
		return
	}
	c.closed, c.end = true, e
	c.wake()
}

func (c *Call) wake() {
	select {
	case c.Wake <- struct{}{}:
	default:
	}
}

// Next takes the next reply. Without one it is nil, and end says if some may still come.
func (c *Call) Next() (r *Reply, end End) {
	if len(c.queue) == 0 {
		return nil, c.end
	}
	r = &c.queue[0]
	c.queue = c.queue[1:]
	c.bytes -= len(r.Event.Data)
	return r, End{}
}

// Came is how many replies came.
func (c *Call) Came() int { return c.came }

// Ended reports whether no reply is taken any more.
func (c *Call) Ended() bool { return c.end.some() }
