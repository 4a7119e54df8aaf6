package state

// Woken is where there may be something to fetch that was not there before: what a
// command has appended, what is to be delivered again, what was claimed, or what a key
// slot held back. Who waits there does well to look.
type Woken struct {
	// Stream is its number.
	Stream uint64
	// Group is the one consumer group; empty: all of the stream.
	Group string
}

// woke notes that there may be something to fetch; each place once a command, mostly.
func (t *turn) woke(stream uint64, group string) {
	w := Woken{stream, group}
	if n := len(t.woken); n == 0 || t.woken[n-1] != w {
		t.woken = append(t.woken, w)
	}
}

// wokeBy notes what a row that is put down means to who waits.
func (t *turn) wokeBy(g *group, p pending) {
	id, _ := g.id()
	if p.GetState() == ready || p.GetState() == held && p.GetEpoch() == 0 {
		t.woke(id, g.name)
	}
}
