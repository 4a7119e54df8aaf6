package streamsdk

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

const (
	// joinBytes and joinEvents bound the calls that share a batch; one call may
	// exceed them. It is what the leader puts into one entry of its log.
	joinBytes  = 256 << 10
	joinEvents = 4096
	// requestBytes and requestBatches bound a request, but for one large batch.
	requestBytes   = 512 << 10
	requestBatches = 1024
	// requestsInFlight bounds requests without an answer.
	requestsInFlight = 64
	// maxBatchBytes is more than any node takes as one batch.
	maxBatchBytes = 8 << 20
	// headBytes is about what a batch costs besides its events and names.
	headBytes = 64
)

// batch is calls for one stream that travel under one number.
type batch struct {
	lane     *lane
	calls    []*call
	producer [16]byte
	number   uint64
	count    int
	bytes    int // of the events

	flying  bool // in a request that is not answered
	unknown bool // it may have been appended
	mended  bool // it has got another number already, because the first was wrong
}

// add puts a call into the batch.
func (b *batch) add(c *call) {
	c.batch = b
	b.calls = append(b.calls, c)
	b.count += c.count
	b.bytes += len(c.records)
}

// takes reports whether the batch may take another call.
func (b *batch) takes(c *call) bool {
	return c.joins(b.calls[0]) && b.bytes+len(c.records) <= joinBytes && b.count+c.count <= joinEvents
}

// size is at least what the batch takes of a request, as far as that matters.
func (b *batch) size(namespace string) int {
	return b.bytes + headBytes + len(b.lane.stream) + len(namespace)
}

// deserted reports whether nobody waits for the batch any more.
func (b *batch) deserted() bool {
	for _, c := range b.calls {
		if !c.left {
			return false
		}
	}
	return true
}

// request is batches that travel together.
type request struct{ batches []*batch }

// requestBatch is the tag of PublishStreamRequest.batches.
const requestBatch = 1<<3 | byte(protowire.BytesType)

// encode writes the request into a block of memory.
func (r *request) encode(namespace string) *[]byte {
	size := 0
	for _, b := range r.batches {
		size += b.size(namespace) + 2*headBytes
	}
	block := wire.NewBlock(size)
	for _, b := range r.batches {
		*block = b.append(*block, namespace)
	}
	return block
}

// append appends the batch as a field of a request.
func (b *batch) append(dst []byte, namespace string) []byte {
	head := &eventnodev1.PublishBatch{
		Stream:   &eventnodev1.StreamName{Namespace: namespace, Name: b.lane.stream},
		Producer: b.producer[:], Number: b.number, Dedupe: b.calls[0].dedupe,
	}
	if at := b.calls[0].expect; at != nil {
		head.ExpectLast = positionToProto(*at)
	}
	encoded, _ := proto.Marshal(head) // names were checked: it cannot fail
	dst = append(dst, requestBatch)
	dst = protowire.AppendVarint(dst, uint64(len(encoded)+b.bytes))
	dst = append(dst, encoded...)
	for _, c := range b.calls {
		dst = append(dst, c.records...)
	}
	return dst
}

// shares divides the answer to a batch among its calls. It reports false if the
// answer does not fit the batch.
func (b *batch) shares(r *eventnodev1.PublishResult) ([]eventnode.Published, bool) {
	known := r.GetKnown()
	if int(r.GetAppended())+len(known) != b.count || r.GetAppended() > 0 && r.GetFirst() == nil {
		return nil, false
	}
	list := make([]eventnode.Published, len(b.calls))
	next, from := positionFromProto(r.GetFirst()), 0
	for i, c := range b.calls {
		p := eventnode.Published{First: next}
		for len(known) > 0 && int(known[0]) < from+c.count {
			place := int(known[0]) - from
			if place < 0 || len(p.Known) > 0 && place <= p.Known[len(p.Known)-1] {
				return nil, false
			}
			p.Known = append(p.Known, place)
			known = known[1:]
		}
		if p.Appended = c.count - len(p.Known); p.Appended <= 0 {
			p.First = eventnode.Position{}
		}
		next.Seq += uint64(p.Appended)
		from += c.count
		list[i] = p
	}
	return list, len(known) == 0
}
