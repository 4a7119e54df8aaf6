package link

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode/internal/wire"
)

// itemOverhead is what a queued item costs besides its bytes; it is counted, so
// that the bound holds for many small runs too.
const itemOverhead = 96

// maxSegments bounds the runs of one frame: gRPC keeps a record of each.
const maxSegments = 2048

// item is one entry of a lane's queue: a run, a tracked envelope, or a notice
// of what was dropped at this place.
type item struct {
	topic   string
	to      []byte // an encoded wire.Audience; nil: the plain subscriptions
	data    []byte
	mem     *wire.Memory // that data is in; held by the queue
	count   int          // events in data
	receipt uint64       // not 0: data is a tracked envelope
	drops   *drops       // not nil: a notice, and nothing else is set
}

func (it *item) piece() wire.Piece { return wire.Piece{Data: it.data, Mem: it.mem} }

func (it *item) size() int { return len(it.data) + len(it.to) + itemOverhead }

// lane is the queue of one ordered stream to one peer. It outlives links: what
// is queued goes on in the next generation, and so does the frame number.
//
// Capacity: limit bytes; a run larger than that is taken into an empty queue.
// Policy when full: the caller waits for room or calls drop. Counter: the
// peer's Dropped.
type lane struct {
	limit int // bytes
	now   func() time.Duration
	// wake holds a token when there may be something to take and the writer
	// sleeps: one token a run at most, none while the writer is busy.
	wake chan struct{}

	mu      sync.Mutex
	items   []item // from head on
	head    int
	bytes   int           // of items from head on
	room    chan struct{} // closed when there is room again; nil if nobody waits
	topics  int           // places left for topics in notices
	asleep  bool          // the writer found nothing
	closed  bool          // nothing is taken in any more
	forward *lane         // the lane that took over this one's publishers

	// sent is the number of the last frame taken to be handed over.
	sent atomic.Uint64
	// handled is the last frame that the peer's handler finished.
	handled atomic.Uint64
	// progress is when the lane was last roused, a frame handed over, or one
	// answered, in nanoseconds since the links' start.
	progress atomic.Int64
	// sending says that the writer is handing over a frame.
	sending atomic.Bool
	// stalled says that progress is too long ago while the queue is full.
	stalled atomic.Bool
}

func newLane(limit, topics int, now func() time.Duration) *lane {
	return &lane{limit: limit, topics: topics, now: now, wake: make(chan struct{}, 1)}
}

// pushed says what became of an item.
type pushed int

const (
	pushQueued pushed = iota
	pushFull          // wait for the channel, or drop
	pushClosed        // never again
)

// push appends it, or returns a channel that is closed when there is room.
func (ln *lane) push(it item) (pushed, <-chan struct{}) {
	ln.mu.Lock()
	if ln.forward != nil {
		next := ln.forward
		ln.mu.Unlock()
		return next.push(it)
	}
	if ln.closed {
		ln.mu.Unlock()
		return pushClosed, nil
	}
	if ln.bytes > 0 && ln.bytes+it.size() > ln.limit {
		if ln.room == nil {
			ln.room = make(chan struct{})
		}
		room := ln.room
		ln.mu.Unlock()
		return pushFull, room
	}
	it.piece().Hold()
	ln.items = append(ln.items, it)
	ln.bytes += it.size()
	wake := ln.asleep
	ln.asleep = false
	ln.mu.Unlock()
	if wake {
		ln.rouse()
	}
	return pushQueued, nil
}

// drop notes, behind what is queued, that count events of topic are missing.
func (ln *lane) drop(topic string, count int) {
	ln.mu.Lock()
	if ln.forward != nil {
		next := ln.forward
		ln.mu.Unlock()
		next.drop(topic, count)
		return
	}
	n := len(ln.items)
	if n == ln.head || ln.items[n-1].drops == nil {
		ln.items = append(ln.items, item{drops: new(drops)})
		n++
	}
	ln.topics -= ln.items[n-1].drops.add(topic, uint64(count), ln.topics)
	wake := ln.asleep
	ln.asleep = false
	ln.mu.Unlock()
	if wake {
		ln.rouse()
	}
}

// rouse wakes the writer; a token that is there already does. The rest that
// ends here was no stall.
func (ln *lane) rouse() {
	ln.touch(ln.now())
	select {
	case ln.wake <- struct{}{}:
	default:
	}
}

// take moves what fits into one frame of at most size bytes into b, and numbers
// it. It reports false if there is nothing; a token in wake says when to try
// again.
func (ln *lane) take(b *batch, size int) bool {
	b.reset()
	ln.mu.Lock()
	for ln.head < len(ln.items) && b.admits(&ln.items[ln.head], size) {
		ln.shift(b)
	}
	ln.compact()
	ln.asleep = b.empty()
	if !ln.asleep {
		b.number = ln.sent.Add(1)
	}
	room := ln.takeRoom()
	ln.mu.Unlock()
	if room != nil {
		close(room)
	}
	return !b.empty()
}

// shift moves the first item into b.
func (ln *lane) shift(b *batch) {
	it := ln.items[ln.head]
	ln.items[ln.head] = item{}
	ln.head++
	if it.drops != nil {
		ln.topics += len(it.drops.topics)
	} else {
		ln.bytes -= it.size()
	}
	b.add(it)
}

// compact moves items to the front once most of the slice is used up, so that
// each is moved once at most.
func (ln *lane) compact() {
	if ln.head*2 < len(ln.items) {
		return
	}
	n := copy(ln.items, ln.items[ln.head:])
	clear(ln.items[n:])
	ln.items, ln.head = ln.items[:n], 0
}

// takeRoom returns the channel to close when those who wait may go on: at half
// full, so that they are woken once for many frames.
func (ln *lane) takeRoom() chan struct{} {
	if ln.bytes > ln.limit/2 {
		return nil
	}
	room := ln.room
	ln.room = nil
	return room
}

// discard replaces all that is queued by one notice in its place. It returns
// how many events that were and the receipts nobody will send. With closing,
// nothing is taken in until open.
func (ln *lane) discard(closing bool) (events uint64, receipts []uint64) {
	ln.mu.Lock()
	queued := ln.items[ln.head:]
	ln.items, ln.head, ln.bytes = nil, 0, 0
	all := new(drops)
	for _, it := range queued {
		if it.drops != nil {
			ln.topics += len(it.drops.topics)
		}
	}
	for _, it := range queued {
		it.piece().Release()
		events += uint64(it.count)
		if it.receipt != 0 {
			receipts = append(receipts, it.receipt)
		}
		ln.topics -= all.merge(it, ln.topics)
	}
	if len(queued) > 0 {
		ln.items = []item{{drops: all}}
	}
	ln.closed = ln.closed || closing
	room := ln.takeRoom()
	ln.mu.Unlock()
	if room != nil {
		close(room)
	}
	return events, receipts
}

// open takes a closed lane into use again.
func (ln *lane) open() {
	ln.mu.Lock()
	ln.closed = false
	ln.mu.Unlock()
}

// mergeInto moves all that is queued, and all that will be, to dst. It is done
// once, before the first frame, if the peer grants fewer lanes.
func (ln *lane) mergeInto(dst *lane) {
	dst.mu.Lock()
	ln.mu.Lock()
	dst.items = append(dst.items, ln.items[ln.head:]...)
	dst.bytes += ln.bytes
	for _, it := range ln.items[ln.head:] {
		if it.drops != nil {
			dst.topics -= len(it.drops.topics)
		}
	}
	ln.items, ln.head, ln.bytes, ln.forward = nil, 0, 0, dst
	room := ln.room
	ln.room = nil
	ln.mu.Unlock()
	dst.mu.Unlock()
	if room != nil {
		close(room)
	}
}

// queued returns the bytes that wait, and whether nothing at all does.
func (ln *lane) queued() (bytes int, empty bool) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return ln.bytes, ln.head == len(ln.items)
}

// touch notes progress at now.
func (ln *lane) touch(now time.Duration) { ln.progress.Store(int64(now)) }

// batch is the content of one frame: a notice, then runs, or runs of which the first has an
// audience, or tracked envelopes.
type batch struct {
	number  uint64
	drops   *drops
	runs    []wire.Piece
	queued  []queuedRun
	tracked []trackedEnvelope
	bytes   int
	events  int
}

func (b *batch) reset() {
	clear(b.runs)
	clear(b.queued)
	clear(b.tracked)
	*b = batch{runs: b.runs[:0], queued: b.queued[:0], tracked: b.tracked[:0]}
}

// segments counts the runs and tracked envelopes.
func (b *batch) segments() int { return len(b.runs) + len(b.queued) + len(b.tracked) }

func (b *batch) empty() bool { return b.drops == nil && b.segments() == 0 }

// admits reports whether it can be the next part of the frame.
func (b *batch) admits(it *item, size int) bool {
	switch {
	case b.empty():
		return true
	case it.drops != nil:
		return false // the notice belongs behind what is in the frame
	case b.segments() == 0:
		return true
	}
	return (it.receipt != 0) == (len(b.tracked) > 0) && (it.to == nil || len(b.runs) == 0) &&
		b.bytes+len(it.data)+len(it.to) <= size && b.segments() < maxSegments
}

func (b *batch) add(it item) {
	switch {
	case it.drops != nil:
		b.drops = it.drops
		return
	case it.receipt != 0:
		b.tracked = append(b.tracked, trackedEnvelope{it.receipt, it.data, it.to})
	case it.to != nil:
		b.queued = append(b.queued, queuedRun{it.to, it.piece()})
	case len(b.queued) > 0: // what has an audience stands before what has none
		b.queued = append(b.queued, queuedRun{plainAudience(), it.piece()})
	default:
		b.runs = append(b.runs, it.piece())
	}
	b.bytes += len(it.data) + len(it.to)
	b.events += it.count
}

// plainAudience is the plain subscriptions, said aloud.
func plainAudience() []byte { return wire.Audience{Plain: true}.Append(nil) }
