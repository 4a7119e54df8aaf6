package client

import "sync"

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
// send are together subscriptionWindow, and one event more. Gaps of the client's
// own, one a lost connection, come on top; those that say the same are joined.
type frameQueue struct {
	mu    sync.Mutex
	list  []*frame
	bytes int   // cost of list
	owed  int   // received since credit was given last
	feed  *feed // that credit is given to
	ended bool
	err   error

	// ready has room for one token: there is something to take.
	ready chan struct{}
}

func newFrameQueue() *frameQueue { return &frameQueue{ready: make(chan struct{}, 1)} }

// begin says that frames come from f from now on, and returns the window that
// the node is to be asked for.
func (q *frameQueue) begin(f *feed) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.feed, q.owed = f, 0
	return uint64(max(subscriptionWindow-q.bytes, 0))
}

// push adds a frame, if it has something.
func (q *frameQueue) push(f *frame) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if f.empty() {
		return
	}
	if n := len(q.list); n > 0 && q.list[n-1].saysAll(f) {
		return
	}
	q.list = append(q.list, f)
	q.bytes += f.cost
	token(q.ready)
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
	q.bytes -= f.cost
	if q.owed += f.cost; q.owed >= creditStep {
		c = credit{feed: q.feed, bytes: q.owed}
		q.owed = 0
	}
	return f, c, false, nil
}

// end says that err comes after the last frame.
func (q *frameQueue) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
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
