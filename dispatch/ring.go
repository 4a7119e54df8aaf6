package dispatch

// keepSlots is the most slots that an empty ring keeps for later.
const keepSlots = 256

// ring is a first-in first-out list of items that grows as needed. Its bound is
// the queue's.
type ring struct {
	slots []item // a power of two, or none
	head  int
	n     int
}

// front returns the oldest item. There must be one.
func (r *ring) front() *item { return &r.slots[r.head] }

// push adds an item behind the others.
func (r *ring) push(it item) {
	if r.n == len(r.slots) {
		r.grow()
	}
	r.slots[(r.head+r.n)&(len(r.slots)-1)] = it
	r.n++
}

// pop removes the oldest item. There must be one.
func (r *ring) pop() item {
	it := r.slots[r.head]
	r.slots[r.head] = item{}
	r.head = (r.head + 1) & (len(r.slots) - 1)
	r.n--
	if r.n == 0 && len(r.slots) > keepSlots {
		*r = ring{}
	}
	return it
}

// grow doubles the slots.
func (r *ring) grow() {
	grown := make([]item, max(2*len(r.slots), 4))
	n := copy(grown, r.slots[r.head:])
	copy(grown[n:], r.slots[:r.head])
	r.slots, r.head = grown, 0
}
