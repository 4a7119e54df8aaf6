package journal

import (
	"time"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// Config of an Index.
type Config struct {
	// Window is how far back it goes.
	Window time.Duration
	// Slack is how long an event may be on its way to a node that is to handle it.
	Slack time.Duration
	// Events bounds what is known of a session's log.
	Events int
	// Bytes bounds the payloads, and what is known of who was sent them.
	Bytes int
	// Audience are the users whose sessions get events of a topic; not ok: those get them
	// that have subscribed to it.
	Audience func(topic string) (users []sessions.Snowflake, ok bool)
}

// Index is what the entries of all nodes amount to.
type Index struct {
	cfg      Config
	end      eventnode.Position
	lives    map[uint64]*life
	sessions map[sessions.ID]*part // who has them

	things  map[sessions.Origin]*thing
	oldest  []*thing // all that are kept, in the order in which they were heard of first
	order   uint64   // of the newest event that was dispatched
	bytes   int
	byTopic map[string][]*thing
	byUser  map[sessions.Snowflake][]*thing
	swept   int64 // when old sessions were forgotten
}

// life is a life of a node.
type life struct {
	id    uint64
	node  string
	last  eventnode.Position // of its newest entry
	based int64
	parts map[uint64]*part // by the session's number there
}

// thing is an event that was dispatched, or that a node has made.
type thing struct {
	at       eventnode.Position // where it was heard of first
	origin   sessions.Origin
	event    *sessions.Event                         // nil: not written, or gone
	request  *eventnodev1.ChatServiceDispatchRequest // nil: not written, gone, or made
	position eventnode.Position                      // of the request
	order    uint64                                  // among requests
	handled  []uint64                                // the lives that have done with it
	gone     bool                                    // it was written, perhaps, and is not here
	size     int
}

// NewIndex makes an index of nothing.
func NewIndex(cfg Config) *Index {
	return &Index{
		cfg: cfg, lives: map[uint64]*life{}, sessions: map[sessions.ID]*part{}, things: map[sessions.Origin]*thing{},
		byTopic: map[string][]*thing{}, byUser: map[sessions.Snowflake][]*thing{},
	}
}

// End is the position of the newest entry.
func (x *Index) End() eventnode.Position { return x.end }

// Bytes is what counts for Config.Bytes.
func (x *Index) Bytes() int { return x.bytes }

// Add reads the next entry, which Decode has checked.
func (x *Index) Add(at eventnode.Position, e *storagev1.ChatEntry) {
	l := x.lives[e.GetLife()]
	if l == nil {
		l = &life{id: e.GetLife(), node: e.GetNode(), parts: map[uint64]*part{}}
		x.lives[l.id] = l
	}
	x.end, l.last, l.based = at, at, max(l.based, e.GetBasedMs())
	made := map[uint64]*thing{} // by their refs in this entry
	for _, item := range e.GetItems() {
		x.item(l, item, made)
	}
	x.forget()
}

func (x *Index) item(l *life, item *storagev1.ChatItem, made map[uint64]*thing) {
	switch what := item.GetItem().(type) {
	case *storagev1.ChatItem_Dispatched:
		x.dispatched(sessions.Origin{Node: l.id, Number: what.Dispatched.GetNumber()}, what.Dispatched.GetRequest())
	case *storagev1.ChatItem_Opened:
		x.opened(l, what.Opened)
	case *storagev1.ChatItem_Made:
		m := &thing{event: eventOf(what.Made)}
		m.origin = sessions.Origin{Node: what.Made.GetOrigin(), Number: what.Made.GetNumber()}
		m.gone, m.size = m.event == nil, len(what.Made.GetData())
		x.keep(m)
		made[what.Made.GetRef()] = m
	case *storagev1.ChatItem_Sent:
		x.sent(l, what.Sent, made)
	case *storagev1.ChatItem_Handled:
		for _, n := range what.Handled.GetNumbers() {
			x.handled(l, x.thing(sessions.Origin{Node: what.Handled.GetOrigin(), Number: n}))
		}
	case *storagev1.ChatItem_Ended:
		x.ended(l, what.Ended.GetNumber())
	}
}

// thing is the event of an origin, which may not have been written yet.
func (x *Index) thing(o sessions.Origin) *thing {
	t := x.things[o]
	if t == nil {
		t = &thing{origin: o}
		x.things[o] = t
		x.keep(t)
	}
	return t
}

// keep puts a thing in line to be forgotten.
func (x *Index) keep(t *thing) {
	t.at = x.end
	t.size += itemBytes
	x.bytes += t.size
	x.oldest = append(x.oldest, t)
}

func (x *Index) dispatched(o sessions.Origin, req *eventnodev1.ChatServiceDispatchRequest) {
	t := x.thing(o)
	if t.request != nil {
		return
	}
	x.order++
	t.request, t.position, t.order = req, x.end, x.order
	t.event = &sessions.Event{Type: req.GetType(), Data: req.GetData(), Origin: o}
	t.size += len(req.GetData())
	x.bytes += len(req.GetData())
	for _, topic := range req.GetTopics() {
		users, ok := x.cfg.Audience(topic)
		if !ok {
			x.byTopic[topic] = append(x.byTopic[topic], t)
		}
		for _, u := range users {
			x.byUser[u] = append(x.byUser[u], t)
		}
	}
}

func (x *Index) sent(l *life, s *storagev1.ChatSent, made map[uint64]*thing) {
	o := sessions.Origin{Node: s.GetOrigin(), Number: s.GetNumber()}
	t := made[s.GetRef()]
	if o != (sessions.Origin{}) {
		t = x.thing(o)
	}
	if t == nil {
		t = &thing{gone: true} // its entry is of another version
	}
	if !t.gone { // it is in line
		t.size += pairBytes * len(s.GetPairs()) / 2
		x.bytes += pairBytes * len(s.GetPairs()) / 2
	}
	for i := 0; i+1 < len(s.GetPairs()); i += 2 {
		l.part(s.GetPairs()[i]).append(s.GetPairs()[i+1], t, x.cfg.Events)
	}
	if s.GetHandled() {
		x.handled(l, t)
	}
}

func (x *Index) handled(l *life, t *thing) { t.handled = append(t.handled, l.id) }

func (x *Index) ended(l *life, number uint64) {
	p := l.parts[number]
	if p == nil {
		return
	}
	delete(l.parts, number)
	if x.sessions[p.id] == p {
		delete(x.sessions, p.id)
	}
}
