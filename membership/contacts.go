package membership

import (
	"cmp"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
)

// Refusal is why somebody is no member, in one word.
type Refusal string

// The refusals.
const (
	RefusalSilent   Refusal = "silent"    // no answer by TCP, or no way there
	RefusalReset    Refusal = "reset"     // nothing listens
	RefusalClosed   Refusal = "closed"    // takes connections, and closes them without a word
	RefusalKey      Refusal = "key"       // has another key
	RefusalKeyHere  Refusal = "key here"  // has a key, and this node has none
	RefusalKeyThere Refusal = "key there" // has no key, and this node has one
	RefusalLabel    Refusal = "label"     // says another cluster name
	RefusalForeign  Refusal = "foreign"   // has another cluster UUID
	RefusalName     Refusal = "name"      // came with the name of this node
	RefusalOther    Refusal = "other"     // what Detail says
)

// Contact is an address of a seed or a lost node that could not be joined, or one from
// where somebody called that was refused.
type Contact struct {
	// Address is the HOST:PORT that was tried; of who called, the host alone, unless it
	// said its address.
	Address string
	// Called says that it called.
	Called bool
	// Refusal says why it is no member.
	Refusal Refusal
	// Detail is its cluster name, or the error.
	Detail string
	// Since is when it began, Last when it was seen last.
	Since, Last time.Time
}

const (
	// callersMax bounds the callers that are remembered; more are counted only.
	callersMax = 64
	// callerKept is how long one is remembered that does not call any more: it would
	// call every few seconds.
	callerKept = time.Minute
	// streaksMax bounds the names whose probes are counted; there are as many as nodes.
	streaksMax = 8192
)

// contacts is what is known of those who are no members, and of members that UDP does
// not reach. Gossip calls it: nothing here waits.
type contacts struct {
	refused func(Refusal) // counts callers

	mu      sync.Mutex
	tried   map[string]Contact // by address; a subset of what the rejoiner tries
	callers map[string]Contact // by host
	failed  map[string]int     // probes by UDP, in a row, by gossip name
}

func newContacts(refused func(Refusal)) *contacts {
	return &contacts{refused: refused, tried: map[string]Contact{}, callers: map[string]Contact{}, failed: map[string]int{}}
}

// missed notes that addr could not be joined.
func (c *contacts) missed(addr string, err error, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := strings.TrimSpace(strings.TrimPrefix(err.Error(), "1 error occurred:\n\t* ")) // memberlist's list of one
	note(c.tried, addr, Contact{Address: addr, Refusal: refusalOf(text), Detail: text}, now)
}

// joined notes that addr could.
func (c *contacts) joined(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tried, addr)
}

// keep forgets what is not tried any more.
func (c *contacts) keep(wanted map[string]*try) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for addr := range c.tried {
		if wanted[addr] == nil {
			delete(c.tried, addr)
		}
	}
}

// called notes that somebody was refused.
func (c *contacts) called(from Contact, now time.Time) {
	from.Called = true
	c.refused(from.Refusal)
	key := hostPart(from.Address)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	if _, known := c.callers[key]; known || len(c.callers) < callersMax {
		note(c.callers, key, from, now)
	}
}

// expire forgets callers that have stopped. c.mu is held.
func (c *contacts) expire(now time.Time) {
	for key, known := range c.callers {
		if now.Sub(known.Last) > callerKept {
			delete(c.callers, key)
		}
	}
}

// note keeps since when it is so, for as long as it is the same.
func note(in map[string]Contact, key string, c Contact, now time.Time) {
	c.Since, c.Last = now, now
	if old, ok := in[key]; ok && old.Refusal == c.Refusal {
		c.Since = old.Since
	}
	in[key] = c
}

// list returns all, by address. Who is tried is not listed as a caller, too; what a
// caller said tells more than a connection that was closed.
func (c *contacts) list(now time.Time) []Contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	var all []Contact
	hosts := map[string]bool{}
	for addr, t := range c.tried {
		if caller, ok := c.callers[hostPart(addr)]; ok && t.Refusal == RefusalClosed {
			t.Refusal, t.Detail = caller.Refusal, caller.Detail
		}
		hosts[hostPart(addr)] = true
		all = append(all, t)
	}
	for host, caller := range c.callers {
		if !hosts[host] || caller.Refusal == RefusalName {
			all = append(all, caller)
		}
	}
	slices.SortFunc(all, func(a, b Contact) int { return cmp.Compare(a.Address, b.Address) })
	return all
}

// probed counts probes by UDP: missed ones in a row.
func (c *contacts) probed(name string, missed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !missed:
		delete(c.failed, name)
	case c.failed[name] > 0 || len(c.failed) < streaksMax:
		c.failed[name]++
	}
}

// udpFailed returns how many probes in a row UDP did not answer, and something else did.
func (c *contacts) udpFailed(ref eventnode.NodeRef) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed[ref.String()]
}

func hostPart(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// Contacts lists the seeds and lost nodes that cannot be joined, 256 seeds at most, and
// up to 64 others who called and were refused, by address.
func (m *Membership) Contacts() []Contact { return m.contacts.list(time.Now()) }

// UDPFailed returns how many of the last probes of a node, in a row, got no answer by
// UDP, and one by TCP or through other nodes.
func (m *Membership) UDPFailed(ref eventnode.NodeRef) int { return m.contacts.udpFailed(ref) }
