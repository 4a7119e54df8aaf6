package link

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventnode/eventnode/internal/wire"
)

const (
	// exchangesBytes bounds what waits for one link, beside Config.ControlQueue.
	exchangesBytes = 16 << 20
	// exchangesFrame is when a message of the control stream is full, in bytes.
	exchangesFrame = 128 << 10
	// exchangeRoom is what a message needs beside its bytes.
	exchangeRoom = 8
)

// The fields of ControlRequest that hold group-table messages: in the first, one
// as a kind of its own; in the second, all that had gathered.
const (
	fieldExchange  = protowire.Number(3)
	fieldExchanges = protowire.Number(7)
)

// exchanges holds encoded group-table messages that wait for one link, in order.
// Capacity: Config.ControlQueue, and exchangesBytes. Policy: more are refused.
// Counter: exchanges refused.
type exchanges struct {
	limit int
	wake  chan struct{} // holds a token when there may be something

	mu    sync.Mutex
	msgs  [][]byte // msgs[:head] are taken
	head  int
	bytes int
}

func newExchanges(limit int) *exchanges {
	return &exchanges{limit: limit, wake: make(chan struct{}, 1)}
}

// put adds a message; it reports false if there is no room.
func (q *exchanges) put(msg []byte) bool {
	q.mu.Lock()
	waiting := len(q.msgs) - q.head
	fits := waiting == 0 || waiting < q.limit && q.bytes+len(msg) <= exchangesBytes
	if fits {
		q.msgs = append(q.msgs, msg)
		q.bytes += len(msg)
	}
	q.mu.Unlock()
	if fits && waiting == 0 {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return fits
}

// take returns what waits, up to a full frame, as an encoded ControlRequest; nil
// if nothing does. A large message goes by reference, small ones are gathered.
func (q *exchanges) take() *wire.Frame {
	q.mu.Lock()
	defer q.mu.Unlock()
	end, size := q.head, 0
	for end < len(q.msgs) && (size == 0 || size+len(q.msgs[end]) <= exchangesFrame) {
		size += len(q.msgs[end]) + exchangeRoom
		end++
	}
	if size == 0 {
		return nil
	}
	taken := q.msgs[q.head:end]
	frame := gatherExchanges(taken, size)
	for _, msg := range taken {
		q.bytes -= len(msg)
	}
	clear(taken)
	q.head = end
	q.compact()
	return frame
}

// gatherExchanges encodes messages that need at most size bytes.
func gatherExchanges(msgs [][]byte, size int) *wire.Frame {
	if len(msgs) == 1 && size > exchangesFrame {
		head := protowire.AppendTag(make([]byte, 0, exchangeRoom), fieldExchanges, protowire.BytesType)
		head = protowire.AppendVarint(head, uint64(len(msgs[0])))
		return &wire.Frame{Head: head, Segments: []wire.Piece{{Data: msgs[0]}}}
	}
	block := wire.NewBlock(size)
	for _, msg := range msgs {
		*block = protowire.AppendTag(*block, fieldExchanges, protowire.BytesType)
		*block = protowire.AppendBytes(*block, msg)
	}
	return &wire.Frame{Own: block}
}

// compact makes room where messages were taken, so that each is moved once at
// most. A list that was long is given back.
func (q *exchanges) compact() {
	switch {
	case q.head == len(q.msgs) && cap(q.msgs) > 1024:
		q.msgs, q.head = nil, 0
	case q.head == len(q.msgs):
		q.msgs, q.head = q.msgs[:0], 0
	case q.head > len(q.msgs)/2:
		n := copy(q.msgs, q.msgs[q.head:])
		clear(q.msgs[n:])
		q.msgs, q.head = q.msgs[:n], 0
	}
}

// decodeExchanges appends the group-table messages in a message of the control
// stream, which are parts of it.
func decodeExchanges(msg []byte, into [][]byte) ([][]byte, error) {
	err := eachField(msg, func(p field) error {
		if p.is(fieldExchange, protowire.BytesType) || p.is(fieldExchanges, protowire.BytesType) {
			into = append(into, p.bytes)
		}
		return nil
	})
	return into, err
}
