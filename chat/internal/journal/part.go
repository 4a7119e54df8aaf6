package journal

import (
	"cmp"
	"slices"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/sessions"
)

// part is a session at one node.
type part struct {
	life       *life
	number     uint64
	id         sessions.ID // empty: not opened yet
	user       sessions.Snowflake
	generation uint64
	complete   bool
	record     *clusterv1.ChatRecord
	last       eventnode.Position // where it was opened, or that was said again

	// first is the number of the oldest event that is known, or of the next one.
	first  uint64
	events []*thing
	// earlier is what it was sent before: by the nodes that had it, and what its client has
	// seen.
	earlier []*thing
	// before are the lives that had it: what these have done with is settled, too.
	before []uint64

	// since is from where on dispatched events count, added the same of topics that it
	// subscribed to later.
	since eventnode.Position
	added map[string]eventnode.Position
}

// part is a session of a life, which may not be opened yet.
func (l *life) part(number uint64) *part {
	p := l.parts[number]
	if p == nil {
		p = &part{life: l, number: number, last: l.last}
		l.parts[number] = p
	}
	return p
}

// append notes that the session was sent an event, as its seq'th. What is said twice
// counts once.
func (p *part) append(seq uint64, t *thing, most int) {
	switch next := p.next(); {
	case next != 0 && seq < next:
		return
	case seq != next:
		p.first, p.events = seq, nil
	}
	p.trim()
	p.events = append(p.events, t)
	if n := len(p.events); n >= 2*most {
		p.first += uint64(n - most)
		p.events = slices.Clone(p.events[n-most:])
	}
}

// trim forgets events that are gone.
func (p *part) trim() {
	for len(p.events) > 0 && p.events[0].gone {
		p.first, p.events = p.first+1, p.events[1:]
	}
}

// next is the number of the next event; 0: nothing is known.
func (p *part) next() uint64 {
	if p.first == 0 {
		return 0
	}
	return p.first + uint64(len(p.events))
}

// opened notes what a session is, and who has it.
func (x *Index) opened(l *life, o *storagev1.ChatOpened) {
	p := l.part(o.GetNumber())
	p.id, p.user, p.generation = sessions.ID(o.GetSessionId()), sessions.Snowflake(o.GetUserId()), o.GetGeneration()
	p.last = x.end
	if p.next() <= o.GetSeq() {
		p.first, p.events = o.GetSeq()+1, nil
	}
	if o.GetComplete() {
		p.describe(o, x.end)
		x.give(p)
	} else {
		p.record = o.GetRecord()
	}
}

// describe notes what a session subscribes to, and from when on.
func (p *part) describe(o *storagev1.ChatOpened, at eventnode.Position) {
	if !p.complete {
		p.complete, p.since = true, eventnode.Position{MS: o.GetSinceMs(), Seq: o.GetSinceSeq()}
		if p.since.IsZero() {
			p.since = at
		}
		p.record = o.GetRecord()
		return
	}
	before, now := topics(p.record), topics(o.GetRecord())
	for topic := range now {
		if !before[topic] {
			if p.added == nil {
				p.added = map[string]eventnode.Position{}
			}
			p.added[topic] = at
		}
	}
	for topic := range p.added {
		if !now[topic] {
			delete(p.added, topic)
		}
	}
	p.record = o.GetRecord()
}

// mostLives bounds the lives that are known to have had a session.
const mostLives = 16

// inherit takes over what the session was sent elsewhere: it may be on its way to the node
// that has it now.
func (p *part) inherit(was *part, most int) {
	p.earlier = slices.Concat(was.earlier, was.events)
	p.earlier = slices.DeleteFunc(p.earlier, func(t *thing) bool { return t.gone })
	p.earlier = slices.Clone(p.earlier[max(0, len(p.earlier)-most):])
	p.before = append(slices.Clone(was.before[max(0, len(was.before)-mostLives+1):]), was.life.id)
}

func topics(r *clusterv1.ChatRecord) map[string]bool {
	out := make(map[string]bool, len(r.GetSubscriptions()))
	for _, s := range r.GetSubscriptions() {
		out[s.GetTopic()] = true
	}
	return out
}

// give has a part be the session, unless a later one is.
func (x *Index) give(p *part) {
	was := x.sessions[p.id]
	switch {
	case was == p:
	case was != nil && was.generation >= p.generation:
		delete(p.life.parts, p.number)
	default:
		x.sessions[p.id] = p
		if was != nil {
			delete(was.life.parts, was.number)
			p.inherit(was, x.cfg.Events)
		}
	}
}

// Session is a session of a user that some node has or had.
func (x *Index) Session(user sessions.Snowflake, id sessions.ID) (Session, *clusterv1.ChatRecord, bool) {
	p := x.sessions[id]
	if p == nil || p.user != user {
		return Session{}, nil, false
	}
	return Session{ID: id, User: p.user, Generation: p.generation, Life: p.life.id, Node: p.life.node, Seen: p.life.last}, p.record, true
}

// Log is what a session was sent behind an event that its client has seen, as far as it
// is known, and the origins of what it was sent before. It fails with sessions.ErrNotFound,
// sessions.ErrAhead or a *sessions.GapError.
func (x *Index) Log(id sessions.ID, seen uint64) (events []*sessions.Event, had []sessions.Origin, err error) {
	p := x.sessions[id]
	switch {
	case p == nil:
		return nil, nil, sessions.ErrNotFound
	case seen >= p.next():
		return nil, nil, sessions.ErrAhead
	case seen+1 < p.first:
		return nil, nil, &sessions.GapError{First: seen + 1, Missing: p.first - seen - 1}
	}
	for i, t := range slices.Backward(p.events[seen+1-p.first:]) {
		if t.gone {
			return nil, nil, &sessions.GapError{First: seen + 1, Missing: uint64(i) + 1}
		}
	}
	for _, t := range p.events[seen+1-p.first:] {
		if t.event != nil { // else it was never written, and nobody was told that it was
			events = append(events, t.event)
		}
	}
	for _, t := range slices.Concat(p.earlier, p.events[:seen+1-p.first]) {
		if t.origin != (sessions.Origin{}) {
			had = append(had, t.origin)
		}
	}
	return events, had, nil
}

// Unsent are events that were dispatched when the session was there, and that the node
// which had it has neither sent it nor done with: those addressed to its user, and those
// to topics it subscribes to. They are in the order in which they were written.
func (x *Index) Unsent(id sessions.ID) (unsent []Dispatched) {
	p := x.sessions[id]
	if p == nil {
		return nil
	}
	from := p.since
	if settled := (eventnode.Position{MS: p.life.based - x.cfg.Slack.Milliseconds()}); from.Compare(settled) < 0 {
		from = settled
	}
	sent := make(map[sessions.Origin]bool, len(p.events))
	for _, t := range slices.Concat(p.earlier, p.events) {
		sent[t.origin] = true
	}
	found := map[*thing][]string{}
	look := func(list []*thing, topic string, from eventnode.Position) {
		for _, t := range after(list, from) {
			if !t.gone && !sent[t.origin] && !slices.ContainsFunc(t.handled, p.had) {
				found[t] = append(found[t], topic)
			}
		}
	}
	for topic := range topics(p.record) {
		since := from
		if at := p.added[topic]; since.Compare(at) < 0 {
			since = at
		}
		look(x.byTopic[topic], topic, since)
	}
	look(x.byUser[p.user], "", from)
	return x.inOrder(found)
}

// had reports whether the session is or was of a life.
func (p *part) had(life uint64) bool { return life == p.life.id || slices.Contains(p.before, life) }

// after is what of a list was dispatched behind a position.
func after(list []*thing, from eventnode.Position) []*thing {
	n, _ := slices.BinarySearchFunc(list, from, func(t *thing, p eventnode.Position) int {
		if t.position.Compare(p) <= 0 {
			return -1
		}
		return 1
	})
	return list[n:]
}

// inOrder makes events of things that were found by topics, "" for those of a user.
func (x *Index) inOrder(found map[*thing][]string) []Dispatched {
	type one struct {
		order uint64
		d     Dispatched
	}
	all := make([]one, 0, len(found))
	for t, by := range found {
		d := Dispatched{Event: t.event}
		d.Only, d.Except = t.request.GetOnly(), t.request.GetExcept()
		for _, topic := range t.request.GetTopics() {
			_, addressed := x.cfg.Audience(topic)
			if addressed && slices.Contains(by, "") || slices.Contains(by, topic) {
				d.Topics = append(d.Topics, topic)
			}
		}
		all = append(all, one{t.order, d})
	}
	slices.SortFunc(all, func(a, b one) int { return cmp.Compare(a.order, b.order) })
	out := make([]Dispatched, len(all))
	for i, o := range all {
		out[i] = o.d
	}
	return out
}
