package client

import (
	"sync"
	"time"
)

const (
	// subscriptionWindow is how many bytes of frames a subscription holds that
	// were not received yet: the node sends no more than that without credit.
	subscriptionWindow = 4 << 20
	// creditStep is how much is received before credit is given for it.
	creditStep = subscriptionWindow / 4
	// windowCost is what a frame takes of the window beside its envelopes, and as
	// much again for each gap: the protocol says so.
	windowCost = 64
)

// frameQueue passes frames from a feed to Receive. Its bound is the node's
// window: what the queue holds, what is on its way and what the node may still
// send are together subscriptionWindow, and one event more; while the subscription
// goes from one feed to the next, that much of each. Gaps of the client's own, one a
// lost connection, come on top; those that say the same are joined.
type frameQueue struct {
	mu    sync.Mutex
	list  []*frame
	now   account // of the feed from which frames come
	ended bool
	err   error

	// While the subscription is on its way: the feed before, and what has come from
	// the next one, which is received when the one before has nothing left.
	before  account
	ahead   []*frame
	overlap int // bytes that came from before since the next one was asked

	// ready has room for one token: there is something to take.
	ready chan struct{}
}

// account is what a feed has sent.
type account struct {
	feed *feed // that credit is given to
	held int   // cost of the frames that are in the queue
	owed int   // received since credit was given last
}

func newFrameQueue() *frameQueue { return &frameQueue{ready: make(chan struct{}, 1)} }

// begin says that frames come from f from now on, and returns the window that
// the node is to be asked for. What is held of a feed that is over counts for f.
func (q *frameQueue) begin(f *feed) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	held := 0
	for _, frames := range [][]*frame{q.list, q.ahead} {
		for _, fr := range frames {
			if q.before.feed == nil || fr.from != q.before.feed {
				fr.from = f
				held += fr.cost
			}
		}
	}
	q.now = account{feed: f, held: held}
	return uint64(max(subscriptionWindow-held, 0))
}

// part says that the subscription goes from its feed to another one.
func (q *frameQueue) part() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.joinLocked()
	q.before, q.now, q.overlap = q.now, account{}, 0
}

// join says that nothing comes any more from the feed before.
func (q *frameQueue) join() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.joinLocked()
	token(q.ready)
}

func (q *frameQueue) joinLocked() {
	ahead := q.ahead
	q.ahead, q.before = nil, account{}
	for _, f := range ahead {
		q.list = appendFrame(q.list, f)
	}
}

// appendFrame adds a frame, unless it says what the last one does.
func appendFrame(list []*frame, f *frame) []*frame {
	if n := len(list); n > 0 && list[n-1].saysAll(f) {
		return list
	}
	return append(list, f)
}

// push adds a frame of a feed, if it has something. It returns false if the feed before
// has sent too much of what the next one may have sent, too.
func (q *frameQueue) push(f *feed, fr *frame) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if fr.empty() {
		return true
	}
	fr.from, fr.at = f, time.Now()
	switch {
	case q.before.feed == nil:
		q.now.held += fr.cost
		q.list = appendFrame(q.list, fr)
	case f != q.before.feed:
		q.now.held += fr.cost
		q.ahead = appendFrame(q.ahead, fr)
		return true
	default:
		q.before.held += fr.cost
		q.list = append(q.list, fr)
		if fr.overlap = q.now.feed != nil; fr.overlap {
			q.overlap += fr.cost
		}
	}
	token(q.ready)
	return q.overlap <= overlapBytes || q.before.feed == nil
}

// credit is leave to send more, for a feed.
type credit struct {
	feed  *feed
	bytes int
}

// take takes the next frame out: nil if there is none. After the last one of
// all it returns true and the error. The credit, if it has a feed, is to be
// given.
func (q *frameQueue) take() (f *frame, c credit, ended bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		return nil, credit{}, q.ended, q.err
	}
	f = q.list[0]
	q.list[0] = nil
	if q.list = q.list[1:]; len(q.list) == 0 {
		q.list = nil
	}
	for _, a := range []*account{&q.now, &q.before} {
		if a.feed == f.from {
			return f, a.received(f.cost), false, nil
		}
	}
	return f, credit{}, false, nil
}

// received notes that something was received, and returns credit if it is time to give
// some.
func (a *account) received(cost int) (c credit) {
	a.held -= cost
	if a.owed += cost; a.owed >= creditStep {
		c = credit{feed: a.feed, bytes: a.owed}
		a.owed = 0
	}
	return c
}

// end says that err comes after the last frame.
func (q *frameQueue) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.joinLocked()
	if !q.ended {
		q.ended, q.err = true, err
	}
	token(q.ready)
}

// token leaves a token, if there is room. It never blocks.
func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
