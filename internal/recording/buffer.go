package recording

import (
	"sync"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/streamsdk"
)

// The bounds of a buffer, and of a batch. One event may exceed the bytes.
const (
	maxBuffered      = 8192
	maxBufferedBytes = 4 << 20
	maxBatch         = 2048
	maxBatchBytes    = 512 << 10
)

// buffer is what was received and not taken: gaps, too, at their places.
type buffer struct {
	mu    sync.Mutex
	list  []eventnode.Delivery
	bytes int
	ended bool // nothing comes any more
	err   error

	filled chan struct{} // there may be something to take
	room   chan struct{} // there may be room
}

func newBuffer() *buffer {
	return &buffer{filled: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// put adds a delivery, if there is room.
func (b *buffer) put(d eventnode.Delivery) bool {
	size := streamsdk.RecordedSize(&d)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.list) > 0 && (len(b.list) >= maxBuffered || b.bytes+size > maxBufferedBytes) {
		return false
	}
	b.list = append(b.list, d)
	b.bytes += size
	token(b.filled)
	return true
}

// end says that nothing comes any more, because of err.
func (b *buffer) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended, b.err = true, err
	token(b.filled)
}

// take takes what is there, at most a batch. ended says that there will be nothing.
func (b *buffer) take() (batch []eventnode.Delivery, ended bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, bytes := 0, 0
	for n < min(len(b.list), maxBatch) {
		if bytes += streamsdk.RecordedSize(&b.list[n]); n > 0 && bytes > maxBatchBytes {
			bytes -= streamsdk.RecordedSize(&b.list[n])
			break
		}
		n++
	}
	batch = append(batch, b.list[:n]...)
	rest := copy(b.list, b.list[n:])
	clear(b.list[rest:])
	b.list = b.list[:rest]
	b.bytes -= bytes
	token(b.room)
	return batch, b.ended && len(batch) == 0, b.err
}

// token leaves a token in a channel of one, if there is room. It never blocks.
func token(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
