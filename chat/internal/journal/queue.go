package journal

import (
	"google.golang.org/protobuf/proto"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// entryBytes is how large an entry becomes before the next one is begun.
const entryBytes = 128 << 10

// itemBytes is what an item counts for beside its payload.
const itemBytes = 32

// Queue gathers what happens on a node, in order, until it is written as one batch.
type Queue struct {
	life     uint64
	node     string
	based    int64
	maxBytes int
	most     int // bytes of an entry, more or less

	entries []*storagev1.ChatEntry // the last one grows
	size    int                    // of the last one
	bytes   int                    // of all
	refs    map[*sessions.Event]uint64
	sent    *storagev1.ChatSent // the last item, if it is one
	of      *sessions.Event     // what it says that sessions were sent
	origin  sessions.Origin     // the same, if that stands elsewhere
}

// NewQueue makes a queue of a life of a node. Nothing that it is told happens before a
// time of the stream, in milliseconds since 1970. What is sent and has a payload of more
// than maxBytes is not written in full.
func NewQueue(life uint64, node string, based int64, maxBytes int) *Queue {
	return &Queue{life: life, node: node, based: based, maxBytes: maxBytes, most: entryBytes}
}

// Bytes is about how much is gathered.
func (q *Queue) Bytes() int { return q.bytes }

// Alive makes an entry even if nothing has happened.
func (q *Queue) Alive() {
	if len(q.entries) == 0 {
		q.begin()
	}
}

// Dispatched tells of an event that was dispatched here, under a number of this life.
func (q *Queue) Dispatched(number uint64, req *eventnodev1.ChatServiceDispatchRequest) {
	q.add(&storagev1.ChatItem{Item: &storagev1.ChatItem_Dispatched{Dispatched: &storagev1.ChatDispatched{Number: number, Request: req}}}, proto.Size(req))
}

// Opened tells what a session is.
func (q *Queue) Opened(o *storagev1.ChatOpened) {
	q.add(&storagev1.ChatItem{Item: &storagev1.ChatItem_Opened{Opened: o}}, proto.Size(o))
}

// Sent tells that a session was sent an event, as its seq'th.
func (q *Queue) Sent(session, seq uint64, e *sessions.Event) {
	if q.sent == nil || q.of != e {
		sent := &storagev1.ChatSent{}
		if stands(e) {
			sent.Origin, sent.Number = e.Origin.Node, e.Origin.Number
		} else {
			sent.Ref = q.ref(e)
		}
		if len(q.entries) == 0 {
			q.begin()
		}
		q.put(&storagev1.ChatItem{Item: &storagev1.ChatItem_Sent{Sent: sent}}, 0) // where its ref is
		q.sent, q.of, q.origin = sent, e, e.Origin
	}
	q.sent.Pairs = append(q.sent.Pairs, session, seq)
	q.bytes += 8
	if q.size += 8; q.size >= q.most {
		q.begin()
	}
}

// stands reports whether an event stands where it was dispatched.
func stands(e *sessions.Event) bool { return e.Origin != (sessions.Origin{}) && !e.View }

// ref is the name of an event in this entry, where it is told in full if it was not yet.
func (q *Queue) ref(e *sessions.Event) uint64 {
	if ref, ok := q.refs[e]; ok {
		return ref
	}
	made := &storagev1.ChatMade{Type: e.Type, Data: e.Data, State: e.State, Origin: e.Origin.Node, Number: e.Origin.Number}
	if len(e.Data) > q.maxBytes {
		made.Data, made.TooLarge = nil, true
	}
	size := len(e.Type) + len(made.GetData()) + len(e.State)
	q.room(size)
	if q.refs == nil {
		q.refs = map[*sessions.Event]uint64{}
	}
	made.Ref = uint64(len(q.refs) + 1)
	q.refs[e] = made.GetRef()
	q.put(&storagev1.ChatItem{Item: &storagev1.ChatItem_Made{Made: made}}, size)
	return made.GetRef()
}

// Handled tells that all was told of what sessions of this node were sent of an event.
func (q *Queue) Handled(o sessions.Origin) {
	if q.sent != nil && q.origin == o && !q.of.View {
		q.sent.Handled = true
		return
	}
	h := &storagev1.ChatHandled{Origin: o.Node, Numbers: []uint64{o.Number}}
	if last := q.last().GetHandled(); last != nil && last.GetOrigin() == o.Node {
		last.Numbers = append(last.Numbers, o.Number)
		q.size, q.bytes = q.size+8, q.bytes+8
		return
	}
	q.add(&storagev1.ChatItem{Item: &storagev1.ChatItem_Handled{Handled: h}}, 0)
}

// last is the newest item of the last entry.
func (q *Queue) last() *storagev1.ChatItem {
	if len(q.entries) == 0 {
		return nil
	}
	items := q.entries[len(q.entries)-1].GetItems()
	if len(items) == 0 {
		return nil
	}
	return items[len(items)-1]
}

// Ended tells that a session has ended.
func (q *Queue) Ended(session uint64) {
	q.add(&storagev1.ChatItem{Item: &storagev1.ChatItem_Ended{Ended: &storagev1.ChatEnded{Number: session}}}, 0)
}

// add puts an item into an entry that has room for it.
func (q *Queue) add(item *storagev1.ChatItem, size int) {
	q.room(size)
	q.put(item, size)
}

// room begins an entry if the last one has not enough room.
func (q *Queue) room(size int) {
	if len(q.entries) == 0 || q.size > 0 && q.size+size > q.most {
		q.begin()
	}
}

func (q *Queue) put(item *storagev1.ChatItem, size int) {
	last := q.entries[len(q.entries)-1]
	last.Items = append(last.Items, item)
	q.sent = nil
	q.size, q.bytes = q.size+size+itemBytes, q.bytes+size+itemBytes
}

// begin begins an entry.
func (q *Queue) begin() {
	q.entries = append(q.entries, &storagev1.ChatEntry{Life: q.life, Node: q.node, BasedMs: q.based})
	q.size, q.sent, q.refs = 0, nil, nil
	q.bytes += itemBytes + len(q.node)
}

// Entries are what was gathered, in order.
func (q *Queue) Entries() []*storagev1.ChatEntry { return q.entries }
