package membership

import "time"

// Two living nodes with one name: one of them must stop, and only one.
//
// Epochs grow with the time of the start, so the one with the higher epoch came
// later. Either it is a newcomer that took a name that was in use, and must stop;
// or it was started on the other side of a split where the name was free, others
// have counted on it since, and the earlier one must stop, as the higher epoch
// wins everywhere. A node that has had other nodes around it for a while is
// established. So:
//
//   - the later one, not yet established: asks the earlier one at once, and stops
//     if it answers;
//   - the later one, established: goes on;
//   - the earlier one: waits for the grace time, in which a newcomer stops, then
//     asks the later one, and stops if it answers.
//
// A newcomer is tentative until it has tried its seeds and asked whom it heard of:
// until then nobody presents it, so a name that is taken does no harm to the one
// that has it. One that finds out later, since it met the others later, becomes
// tentative again before it stops.
//
// A life at this node's own address is a former one of this very node, whatever
// gossip still says of it; it is not asked. A higher epoch that does not answer
// was a life before the clock went back: as long as this node is not ready it
// takes a higher epoch still.

// askAgain is how long a rival that did not answer, but is alive by gossip, is
// left in peace.
const askAgain = 2 * time.Second

// verdict is what follows from what is known of rivals.
type verdict uint8

const (
	goOn      verdict = iota
	nameTaken         // a rival answered: stop
	tooLow            // a rival that is no more had a higher epoch: take a new one
)

// rivals are the lives with this node's name, other than this one.
type rivals struct {
	self  Node
	grace time.Duration
	alive map[uint64]*rival
	heard uint64 // the highest epoch of this name
}

// rival is one of them, alive by gossip.
type rival struct {
	node Node
	ask  time.Time // when to ask it; zero: never
}

func newRivals(self Node, grace time.Duration) *rivals {
	return &rivals{self: self, grace: grace, alive: make(map[uint64]*rival), heard: self.Ref.Epoch}
}

// observe takes in what gossip tells.
func (r *rivals) observe(o observation, established bool, now time.Time) verdict {
	epoch := o.node.Ref.Epoch
	if epoch == r.self.Ref.Epoch {
		return goOn
	}
	r.heard = max(r.heard, epoch)
	if o.state == Alive && o.node.Tentative && epoch > r.self.Ref.Epoch {
		delete(r.alive, epoch)
		return goOn // it is for that one to ask
	}
	if o.state != Alive || r.former(o.node) {
		delete(r.alive, epoch)
		return r.compare(epoch)
	}
	if known := r.alive[epoch]; known != nil {
		known.node = o.node
		return goOn
	}
	r.alive[epoch] = &rival{node: o.node, ask: r.when(epoch, established, now)}
	return goOn
}

// when returns the time to ask a rival.
func (r *rivals) when(epoch uint64, established bool, now time.Time) time.Time {
	switch {
	case epoch > r.self.Ref.Epoch:
		return now.Add(r.grace)
	case established:
		return time.Time{}
	}
	return now
}

// former reports whether n is an earlier life at one of this node's addresses.
func (r *rivals) former(n Node) bool {
	return n.GossipAddress == r.self.GossipAddress || n.RPCAddress == r.self.RPCAddress
}

// due returns the next rival to ask.
func (r *rivals) due(now time.Time) (Node, bool) {
	for _, v := range r.alive {
		if !v.ask.IsZero() && !v.ask.After(now) {
			return v.node, true
		}
	}
	return Node{}, false
}

// pending reports whether somebody is still to be asked.
func (r *rivals) pending() bool {
	for _, v := range r.alive {
		if !v.ask.IsZero() {
			return true
		}
	}
	return false
}

// answered takes in what asking n brought; nil is an answer.
func (r *rivals) answered(n Node, err error, now time.Time) verdict {
	v := r.alive[n.Ref.Epoch]
	if v == nil {
		return goOn // gone meanwhile
	}
	if err == nil {
		return nameTaken
	}
	v.ask = now.Add(askAgain)
	if n.Ref.Epoch < r.self.Ref.Epoch {
		v.ask = time.Time{}
	}
	return r.compare(n.Ref.Epoch)
}

// compare judges an epoch whose life is no more.
func (r *rivals) compare(epoch uint64) verdict {
	if epoch > r.self.Ref.Epoch {
		return tooLow
	}
	return goOn
}
