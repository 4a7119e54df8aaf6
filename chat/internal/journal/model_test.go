package journal

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// However nodes die, with whatever of their entries not written, and whoever takes their
// sessions over, each client is sent what was dispatched to its topics, and answered, once;
// the numbers that it has seen never stand for something else; and nothing comes that it
// did not subscribe to.
func TestModel(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 50
	}
	for range rounds {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			w := newWorld(t, rand.New(rand.NewPCG(seed, 0)))
			for range 400 {
				w.step()
			}
			w.settle()
			w.check()
		})
	}
}

// world is nodes with sessions, their clients, and a stream.
type world struct {
	*testing.T
	rnd     *rand.Rand
	stream  []row
	now     int64
	nodes   []*node // those that live
	lives   uint64
	tokens  uint64
	cut     []*node // they believe to be alive, and nobody hears them yet
	clients []*client
	events  []*dispatch
	made    int
}

type row struct {
	at   eventnode.Position
	data []byte
}

// node is one life.
type node struct {
	life    uint64
	alive   bool
	queue   *Queue
	newest  map[*seat]uint64 // of the queue
	begun   []*dispatch      // in the queue
	opened  map[*seat][]string
	noting  map[*seat][]string
	skipped []skip // in the queue
	skips   []skip // in what is being written
	writing []*storagev1.ChatEntry
	written map[*seat]uint64
	starts  []*dispatch // in what is being written
	acked   eventnode.Position
	seats   []*seat
	numbers uint64
	events  uint64
	calls   []call
}

// skip is a client that was not to have an event when it was handled.
type skip struct {
	d *dispatch
	c *client
}

// call is an event on its way to a node.
type call struct{ d *dispatch }

// seat is a session at a node.
type seat struct {
	c          *client
	number     uint64
	generation uint64
	adopted    bool
	flushed    bool
	from       uint64            // the generation that it is taken from
	moved      []*sessions.Event // while adopted
	first      uint64
	log        []*sessions.Event
	had        map[sessions.Origin]bool
	released   uint64
	usable     bool // its record is written
}

// client is one, with all that it was ever told.
type client struct {
	id     sessions.ID
	user   sessions.Snowflake
	topics map[string]int // and how many events had begun when that was written
	all    map[string]bool
	seat   *seat
	on     *node
	got    []*sessions.Event
	lost   bool // it never was ready
	muted  bool // it may not have anything now
}

type dispatch struct {
	origin  sessions.Origin
	by      *node
	request *eventnodev1.ChatServiceDispatchRequest
	number  int // of all
	to      map[*node]bool
	durable bool
	not     map[*client]bool // who did not need to get it
	never   map[*client]bool // who must not
}

func newWorld(t *testing.T, rnd *rand.Rand) *world {
	w := &world{T: t, rnd: rnd, now: 1_000_000, tokens: 1}
	for range 3 {
		w.start()
	}
	return w
}

func (w *world) start() {
	w.lives++
	n := &node{life: w.lives, alive: true}
	n.fresh()
	w.nodes = append(w.nodes, n)
}

func (n *node) fresh() {
	n.queue, n.newest, n.begun = NewQueue(n.life, "n", n.acked.MS, 1000), map[*seat]uint64{}, nil
	n.opened, n.skipped = map[*seat][]string{}, nil
	n.queue.most = 150 // so that a batch is several entries
}

func (w *world) node() *node { return w.nodes[w.rnd.IntN(len(w.nodes))] }

func (w *world) step() {
	switch w.rnd.IntN(17) {
	case 0:
		if len(w.clients) < 6 {
			w.identify()
		}
	case 1, 2, 3:
		w.dispatch()
	case 4, 5, 6:
		w.arrive(w.node())
	case 7, 8:
		w.write(w.node())
	case 9:
		w.read()
	case 10:
		w.subscribe()
	case 11:
		w.make()
	case 12:
		if w.rnd.IntN(3) == 0 {
			w.crash(w.node())
		}
	case 13:
		w.recover()
	case 14:
		if len(w.clients) > 0 {
			c := w.clients[w.rnd.IntN(len(w.clients))]
			c.muted = !c.muted
		}
	case 15:
		w.haunt()
	case 16:
		w.recover()
	}
}

var someTopics = []string{"room:1", "room:2", "room:3", "room:4"}

func (w *world) identify() {
	c := &client{id: sessions.ID(fmt.Sprint("s", len(w.clients))), user: sessions.Snowflake(len(w.clients) + 1), topics: map[string]int{}, all: map[string]bool{}}
	w.clients = append(w.clients, c)
	n := w.node()
	s := n.seat(c, 1)
	s.first = 1
	c.seat, c.on = s, n
	w.past(c, "")
	w.open(n, s, false, eventnode.Position{})
	w.send(n, s, &sessions.Event{Type: "READY"})
	c.all["user:"+c.user.String()] = true
	c.all[someTopics[w.rnd.IntN(4)]] = true
	w.open(n, s, true, eventnode.Position{})
}

func (n *node) seat(c *client, generation uint64) *seat {
	n.numbers++
	s := &seat{c: c, number: n.numbers, generation: generation}
	n.seats = append(n.seats, s)
	return s
}

// open says what a session is.
func (w *world) open(n *node, s *seat, complete bool, since eventnode.Position) {
	r := &clusterv1.ChatRecord{}
	for topic := range s.c.all {
		if !strings.HasPrefix(topic, "user:") {
			r.Subscriptions = append(r.Subscriptions, &eventnodev1.ChatSubscription{Topic: topic})
		}
	}
	n.queue.Opened(&storagev1.ChatOpened{
		SessionId: string(s.c.id), UserId: uint64(s.c.user), Number: s.number, Generation: s.generation, Record: r,
		Seq: max(s.released, s.first-1), Complete: complete, SinceMs: since.MS, SinceSeq: since.Seq,
	})
	if complete {
		n.opened[s] = slices.Collect(maps.Keys(s.c.all))
	}
}

// has reports whether the session was sent an event, here or elsewhere.
func (s *seat) has(o sessions.Origin) bool {
	return s.had[o] || slices.ContainsFunc(s.log, func(e *sessions.Event) bool { return e.Origin == o })
}

// send puts an event into a log, once.
func (w *world) send(n *node, s *seat, e *sessions.Event) {
	if s.adopted {
		s.moved = append(s.moved, e)
		return
	}
	if e.Origin != (sessions.Origin{}) && s.has(e.Origin) {
		return
	}
	s.log = append(s.log, e)
	seq := s.first + uint64(len(s.log)) - 1
	n.queue.Sent(s.number, seq, e)
	n.newest[s] = seq
}

func (w *world) dispatch() {
	n := w.node()
	n.events++
	topic := someTopics[w.rnd.IntN(4)]
	if w.rnd.IntN(5) == 0 {
		topic = fmt.Sprint("user:", 1+w.rnd.IntN(6))
	}
	d := &dispatch{
		origin: sessions.Origin{Node: n.life, Number: n.events}, by: n, number: len(w.events), to: map[*node]bool{n: true}, not: map[*client]bool{}, never: map[*client]bool{},
		request: &eventnodev1.ChatServiceDispatchRequest{Topics: []string{topic}, Type: "X", Data: fmt.Append(nil, len(w.events))},
	}
	w.events = append(w.events, d)
	n.queue.Dispatched(n.events, d.request)
	n.begun = append(n.begun, d)
	w.spread(d)
	n.calls = append(n.calls, call{d})
}

// spread sends an event on its way to nodes that want it and do not have it.
func (w *world) spread(d *dispatch) {
	for _, n := range w.nodes {
		if !d.to[n] && slices.ContainsFunc(n.seats, func(s *seat) bool { return s.c.all[d.request.GetTopics()[0]] }) {
			d.to[n] = true
			n.calls = append(n.calls, call{d})
		}
	}
}

// arrive has a call arrive: those of one caller in order.
func (w *world) arrive(n *node) {
	if len(n.calls) == 0 {
		return
	}
	i := w.rnd.IntN(len(n.calls))
	i = slices.IndexFunc(n.calls, func(c call) bool { return c.d.by == n.calls[i].d.by })
	d := n.calls[i].d
	n.calls = slices.Delete(n.calls, i, i+1)
	e := &sessions.Event{Type: "X", Data: d.request.GetData(), Origin: d.origin}
	for _, s := range n.seats {
		if !s.c.all[d.request.GetTopics()[0]] {
			continue
		}
		if s.c.muted {
			d.not[s.c] = true
			if s.usable && !s.has(d.origin) {
				n.skipped = append(n.skipped, skip{d, s.c})
			}
			continue
		}
		if w.rnd.IntN(8) == 0 && !s.adopted { // another view of it
			v := &sessions.Event{Type: "X", Data: e.Data, Origin: d.origin, View: true}
			w.send(n, s, v)
			continue
		}
		w.send(n, s, e)
	}
	n.queue.Handled(d.origin)
}

// write writes one entry, or begins a batch of what has gathered.
func (w *world) write(n *node) {
	if len(n.writing) == 0 {
		n.queue.Alive()
		n.writing, n.written, n.starts, n.noting, n.skips = n.queue.Entries(), n.newest, n.begun, n.opened, n.skipped
		n.fresh()
	}
	w.append(n.writing[0])
	if n.writing = n.writing[1:]; len(n.writing) > 0 {
		return
	}
	n.acked = w.stream[len(w.stream)-1].at
	for s, seq := range n.written {
		s.released = max(s.released, seq)
	}
	for s, topics := range n.noting {
		s.usable = true
		s.c.noted(topics, len(w.events))
	}
	for _, k := range n.skips {
		if w.arrived(k.d) && k.c.on == n {
			k.d.never[k.c] = true
		}
	}
	for _, d := range n.starts {
		d.durable = true
	}
}

// noted says that what the client subscribes to is written.
func (c *client) noted(topics []string, events int) {
	for _, topic := range topics {
		if _, ok := c.topics[topic]; !ok {
			c.topics[topic] = events
		}
	}
}

func (w *world) append(e *storagev1.ChatEntry) {
	data, err := proto.Marshal(e)
	if err != nil {
		w.Fatal(err)
	}
	w.now += int64(w.rnd.IntN(3))
	at := eventnode.Position{MS: w.now}
	if n := len(w.stream); n > 0 && w.stream[n-1].at.MS == w.now {
		at.Seq = w.stream[n-1].at.Seq + 1
	}
	w.stream = append(w.stream, row{at, data})
}

// read has a client read what its node lets it have.
func (w *world) read() {
	if len(w.clients) == 0 {
		return
	}
	c := w.clients[w.rnd.IntN(len(w.clients))]
	if s := c.seat; s != nil && s.usable && c.on.alive {
		for seq := uint64(len(c.got)) + 1; seq <= s.released && seq-s.first < uint64(len(s.log)); seq++ {
			c.got = append(c.got, s.log[seq-s.first])
		}
	}
}

func (w *world) subscribe() {
	if len(w.clients) == 0 {
		return
	}
	c := w.clients[w.rnd.IntN(len(w.clients))]
	if s := c.seat; s != nil && s.usable && c.on.alive {
		topic := someTopics[w.rnd.IntN(4)]
		if !c.all[topic] {
			w.past(c, topic)
		}
		c.all[topic] = true
		w.open(c.on, s, true, eventnode.Position{})
	}
}

// past notes what of a topic, or of all, is over before a client comes.
func (w *world) past(c *client, topic string) {
	for _, d := range w.events {
		if d.durable && w.arrived(d) && (topic == "" || d.request.GetTopics()[0] == topic) {
			d.never[c] = true
		}
	}
}

// arrived reports whether an event has arrived wherever it was sent.
func (w *world) arrived(d *dispatch) bool {
	return !slices.ContainsFunc(w.nodes, func(n *node) bool { return slices.Contains(n.calls, call{d}) })
}

// make has a node make an event by itself.
func (w *world) make() {
	n := w.node()
	w.made++
	e := &sessions.Event{Type: "MADE", Data: fmt.Appendf(nil, `"%d"`, w.made)}
	for _, s := range n.seats {
		if w.rnd.IntN(2) == 0 && !s.adopted {
			w.send(n, s, e)
		}
	}
}

// crash ends a node: some of what it was writing is written.
func (w *world) crash(n *node) {
	for len(n.writing) > 0 && w.rnd.IntN(2) == 0 {
		w.append(n.writing[0])
		n.writing = n.writing[1:]
	}
	if n.alive = false; w.rnd.IntN(2) == 0 {
		w.cut = append(w.cut, n)
	}
	w.nodes = slices.DeleteFunc(w.nodes, func(o *node) bool { return o == n })
	for _, c := range w.clients {
		if c.on == n && c.seat != nil && !c.seat.usable && len(c.got) == 0 {
			c.lost = true
		}
	}
	w.start()
}

// haunt has a node that was cut off go on with sessions that it has no more.
func (w *world) haunt() {
	if len(w.cut) == 0 {
		return
	}
	n := w.cut[w.rnd.IntN(len(w.cut))]
	for _, s := range n.seats {
		if s.adopted || s.c.on == n || s.c.seat.adopted || !s.c.seat.usable {
			continue // nobody else has it yet
		}
		w.open(n, s, true, eventnode.Position{})
		w.send(n, s, &sessions.Event{Type: "STALE"})
	}
	for _, e := range append(n.writing, n.queue.Entries()...) {
		w.append(e)
	}
	n.writing = nil
	n.fresh()
}

// recover has a node adopt a session whose node has died, or has one that did so
// complete it.
func (w *world) recover() {
	for _, c := range w.clients {
		if c.lost || c.seat == nil || c.on.alive && !c.seat.adopted {
			continue
		}
		switch {
		case !c.on.alive:
			n := w.node()
			c.seat, c.on = n.seat(c, 0), n
			c.seat.adopted = true
		case !c.seat.flushed: // what others have begun to dispatch without knowing of it is written
			for _, n := range slices.Clone(w.nodes) {
				w.flush(n)
			}
			was, _, _ := w.index().Session(c.user, c.id)
			w.tokens++ // the lock of that generation, which has been given back or is over if somebody had it
			c.seat.flushed, c.seat.from, c.seat.generation = true, was.Generation, w.tokens
		case w.rnd.IntN(2) == 0:
			w.complete(c)
		}
	}
}

func (w *world) index() *Index {
	x := NewIndex(Config{Window: time.Hour, Slack: time.Hour, Events: 10_000, Bytes: 1 << 30, Audience: func(topic string) ([]sessions.Snowflake, bool) {
		if rest, ok := strings.CutPrefix(topic, "user:"); ok {
			u, _ := sessions.ParseSnowflake(rest)
			return []sessions.Snowflake{u}, true
		}
		return nil, false
	}})
	for _, r := range w.stream {
		e, err := Decode(r.data)
		if err != nil {
			w.Fatal(err)
		}
		x.Add(r.at, e)
	}
	return x
}

func (w *world) complete(c *client) {
	x, s := w.index(), c.seat
	was, _, ok := x.Session(c.user, c.id)
	if !ok {
		w.Fatalf("%s is not known", c.id)
	}
	if was.Generation != s.from {
		s.flushed = false
		return
	}
	log, had, err := x.Log(c.id, uint64(len(c.got)))
	if err != nil {
		w.Fatalf("%s behind %d: %v", c.id, len(c.got), err)
	}
	for _, d := range x.Unsent(c.id) {
		if c.muted {
			w.event(d.Event.Origin).not[c] = true
			continue
		}
		log = append(log, d.Event)
	}
	s.adopted, s.first, s.released = false, uint64(len(c.got))+1, uint64(len(c.got))
	w.open(c.on, s, false, eventnode.Position{})
	for _, e := range log {
		w.send(c.on, s, e)
	}
	s.had = map[sessions.Origin]bool{}
	for _, o := range had {
		s.had[o] = true
	}
	for _, e := range s.moved {
		w.send(c.on, s, e)
	}
	w.open(c.on, s, true, x.End())
}

// flush writes all that has happened on a node.
func (w *world) flush(n *node) {
	for len(n.writing) > 0 {
		w.write(n)
	}
	for w.write(n); len(n.writing) > 0; {
		w.write(n)
	}
}

func (w *world) event(o sessions.Origin) *dispatch {
	return w.events[slices.IndexFunc(w.events, func(d *dispatch) bool { return d.origin == o })]
}

// settle has all be written, arrive, be recovered and read.
func (w *world) settle() {
	for range 20 {
		for _, n := range slices.Clone(w.nodes) {
			for len(n.calls) > 0 {
				w.arrive(n)
			}
			w.flush(n)
		}
		w.recover()
	}
	for range 200 {
		w.read()
	}
}

func (w *world) check() {
	for _, c := range w.clients {
		if c.lost {
			continue
		}
		count := map[sessions.Origin]int{}
		for i, e := range c.got {
			if (i == 0) != (e.Type == "READY") || e.Type == "STALE" {
				w.Fatalf("%s got %s as its %d.", c.id, e.Type, i+1)
			}
			if e.Origin != (sessions.Origin{}) {
				if count[e.Origin]++; count[e.Origin] > 1 {
					w.Fatalf("%s got %s twice", c.id, e.Data)
				}
			}
		}
		for _, d := range w.events {
			topic := d.request.GetTopics()[0]
			since, ok := c.topics[topic]
			if !c.all[topic] && count[d.origin] > 0 {
				w.Fatalf("%s got %s of %s", c.id, d.request.GetData(), topic)
			}
			if d.never[c] && count[d.origin] > 0 {
				w.Fatalf("%s got %s of %s, which was not for it", c.id, d.request.GetData(), topic)
			}
			if d.durable && ok && !d.not[c] && d.number >= since && count[d.origin] == 0 {
				w.Fatalf("%s did not get %s of %s, it has %d events", c.id, d.request.GetData(), topic, len(c.got))
			}
		}
	}
}
