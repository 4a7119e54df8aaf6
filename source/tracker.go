package source

// MaxTracked bounds the shards that a Tracker knows at one time.
const MaxTracked = 1 << 14

// Seen is what an event's place says of what was seen before.
type Seen uint8

// What may have been seen.
const (
	// Unnumbered: the source numbers nothing, so nothing can be told.
	Unnumbered Seen = iota
	// First: nothing of this session was seen before. What the session before may have
	// ended with, nobody knows.
	First
	// Next: it stands right behind the newest one.
	Next
	// Repeat: this event, or a later one, was seen before.
	Repeat
	// Gap: events between the newest one and this one have not come.
	Gap
	// Unknown: it is later than the newest one, and nobody knows whether there was
	// something between the two: its source was moved without that knowledge.
	Unknown
)

// String returns one word.
func (s Seen) String() string {
	words := [...]string{"unnumbered", "first", "next", "repeat", "gap", "unknown"}
	if int(s) < len(words) {
		return words[s]
	}
	return "none"
}

// Tracker tells gaps and repeats from the numbers of events. It has no clock, no goroutine
// and no lock. The zero value is ready; it knows MaxTracked shards at most, and forgets
// all of them when there are more.
type Tracker struct {
	newest map[shardKey]mark
}

// shardKey is one sequence of sessions.
type shardKey struct {
	source        string
	shard, shards int
}

// mark is the newest event of a shard.
type mark struct {
	session string
	seq     uint64
	part    int
	parts   int
}

// See takes an event in, and says what it is.
func (t *Tracker) See(e Event) Seen {
	o := e.Origin
	if o.Seq == 0 {
		return Unnumbered
	}
	key := shardKey{o.Source, o.Shard, o.Shards}
	was, known := t.newest[key]
	seen := First
	if known && was.session == o.Session {
		seen = was.see(o.Seq, e.Place)
	}
	if seen != Repeat {
		t.keep(key, mark{o.Session, o.Seq, e.Place.Part, e.Place.Parts})
	}
	return seen
}

func (t *Tracker) keep(key shardKey, m mark) {
	_, known := t.newest[key]
	if t.newest == nil || !known && len(t.newest) >= MaxTracked {
		t.newest = map[shardKey]mark{}
	}
	t.newest[key] = m
}

// see compares an event of the same session.
func (m mark) see(seq uint64, p Place) Seen {
	switch {
	case seq < m.seq, seq == m.seq && p.Part <= m.part:
		return Repeat
	case seq == m.seq && p.Part == m.part+1:
		return Next
	case seq == m.seq, m.part+1 < m.parts, p.Part > 0, p.After > m.seq:
		return Gap
	case p.After > 0, seq == m.seq+1:
		return Next // what stood before it was seen, or something later
	}
	return Unknown
}
