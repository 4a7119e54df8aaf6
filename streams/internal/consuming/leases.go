package consuming

import (
	"context"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// A lease is known by its epoch, which is used once in the partition and is the same on
// all streams of the consumer. It is put down when its grant is applied, as one whose
// holder is away: so one whose grant was not answered in time ends like any other. A
// lease that somebody else took over, or that was ended, is fenced: who holds it is told
// at once, and need not find out by an ack that is refused.

const (
	// watchEvery is how often a leader looks which leases are over.
	watchEvery = 100 * time.Millisecond
	// learnEvery is how often it looks for leases that it does not know: entries are
	// heard of in about the order in which they were applied, and not quite.
	learnEvery = time.Minute
	// endAtOnce bounds the leases that are ended with one look.
	endAtOnce = 256
)

// seat is a consumer on one stream.
type seat struct {
	stream   uint64
	group    string
	consumer uint32
}

// Lease is a consumer that somebody holds, on all of its streams.
type Lease struct {
	Group    string
	Consumer uint32
	Epoch    uint64
	// Fenced is closed when the lease is over.
	Fenced chan struct{}

	streams []uint64
	here    bool      // its holder is here
	until   time.Time // when it is ended, if its holder is not
}

// End is the command that ends a lease.
func (l *Lease) End(gone bool) *storagev1.Command {
	c := &storagev1.EndLease{Group: l.Group, Consumer: l.Consumer, Gone: gone}
	for _, id := range l.streams {
		c.Leases = append(c.Leases, &storagev1.StreamLease{Stream: id, Epoch: l.Epoch})
	}
	return &storagev1.Command{Command: &storagev1.Command_EndLease{EndLease: c}}
}

// Arrive says that the holder of a lease that was granted is here. The lease may be
// over already: then it is fenced. The caller calls Depart or Forget.
func (d *Desk) Arrive(group string, consumer uint32, streams []uint64, epoch uint64) (*Lease, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.leases[epoch]
	if l == nil {
		l = newLease(group, consumer, epoch, streams...)
		close(l.Fenced)
		return l, nil
	}
	if d.here >= d.cfg.MaxConsumers {
		return nil, &eventnode.LimitError{Limit: "max_consumers", Max: d.cfg.MaxConsumers, Got: d.here + 1}
	}
	l.here = true
	d.here++
	return l, nil
}

// MayArrive fails when there are too many consumers here.
func (d *Desk) MayArrive() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.here >= d.cfg.MaxConsumers {
		return &eventnode.LimitError{Limit: "max_consumers", Max: d.cfg.MaxConsumers, Got: d.here + 1}
	}
	return nil
}

// Depart says that the holder is not here any more, and may come back.
func (d *Desk) Depart(l *Lease) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l.here {
		l.here, l.until = false, time.Now().Add(d.cfg.LeaseTTL)
		d.here--
	}
}

// IsHere reports whether the holder of a lease is here.
func (d *Desk) IsHere(epoch uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.leases[epoch]
	return l != nil && l.here
}

func newLease(group string, consumer uint32, epoch uint64, streams ...uint64) *Lease {
	return &Lease{Group: group, Consumer: consumer, Epoch: epoch, streams: streams, Fenced: make(chan struct{})}
}

// granted puts a lease down. The caller holds mu, and fences what is returned.
func (d *Desk) granted(l *Lease, now time.Time) (over []*Lease) {
	l.until = now.Add(d.cfg.LeaseTTL)
	for _, id := range l.streams {
		at := seat{id, l.Group, l.Consumer}
		old := d.current[at]
		if old >= l.Epoch {
			continue // it was decided later, and known sooner; or was found in the state
		}
		if o := d.drop(old, id, now); o != nil {
			over = append(over, o)
		}
		d.current[at] = l.Epoch
		d.leases[l.Epoch] = l
	}
	return over
}

// ended drops what is over. The caller holds mu, and fences what is returned.
func (d *Desk) ended(group string, consumer uint32, stream, epoch uint64) (over []*Lease) {
	if now := d.current[seat{stream, group, consumer}]; epoch == 0 || now == epoch {
		if o := d.drop(now, stream, time.Now()); o != nil {
			over = append(over, o)
		}
	}
	return over
}

// drop forgets a lease that is over on a stream; nil if it is not known. What is left of
// it, on other streams, has no holder any more and is ended soon. The caller holds mu.
func (d *Desk) drop(epoch, stream uint64, now time.Time) *Lease {
	l := d.leases[epoch]
	if l == nil {
		return nil
	}
	delete(d.leases, epoch)
	delete(d.current, seat{stream, l.Group, l.Consumer})
	rest := newLease(l.Group, l.Consumer, epoch)
	for _, id := range l.streams {
		if id != stream {
			rest.streams = append(rest.streams, id)
		}
	}
	if len(rest.streams) > 0 {
		rest.until = now
		d.leases[epoch] = rest
	}
	if l.here {
		l.here = false
		d.here--
	}
	return l
}

// restart gives each lease whose holder is not here a whole TTL. The caller holds mu.
func (d *Desk) restart(now time.Time) {
	for _, l := range d.leases {
		l.until = now.Add(d.cfg.LeaseTTL)
	}
}

// watch ends the leases of holders that stay away, as long as this node leads.
func (d *Desk) watch(ctx context.Context, p Partition) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	known, learned := uint64(0), time.Time{} // the term in which all leases are known, and since when
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		term, _ := p.Reign()
		if d.adopt(term); term == 0 {
			d.forgetAway()
			known = 0
			continue
		}
		if (term != known || time.Since(learned) >= learnEvery) && d.learn(p) == nil {
			known, learned = term, time.Now()
		}
		if err := d.endAway(ctx, p); err != nil && ctx.Err() == nil {
			d.cfg.Logger.Warn("leases of consumers that are gone stay for now", "error", err)
		}
	}
}

// forgetAway forgets leases whose holders are not here: another node leads.
func (d *Desk) forgetAway() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for epoch, l := range d.leases {
		if l.here {
			continue
		}
		delete(d.leases, epoch)
		for _, id := range l.streams {
			delete(d.current, seat{id, l.Group, l.Consumer})
		}
	}
}

// learn puts down the leases that are in the state.
func (d *Desk) learn(p Partition) error {
	v, done, err := p.Look()
	if err != nil {
		return err
	}
	defer done()
	all := map[uint64]*Lease{}
	for l, err := range v.Leases() {
		if err != nil {
			d.cfg.Logger.Error("leases cannot be read", "error", err)
			return err
		}
		if all[l.Epoch] == nil {
			all[l.Epoch] = newLease(l.Group, l.Consumer, l.Epoch)
		}
		all[l.Epoch].streams = append(all[l.Epoch].streams, l.Stream)
	}
	now := time.Now()
	var over []*Lease
	d.mu.Lock()
	for epoch, l := range all {
		if d.leases[epoch] == nil {
			over = append(over, d.granted(l, now)...)
		}
	}
	d.mu.Unlock()
	fence(over)
	return nil
}

func fence(over []*Lease) {
	for _, l := range over {
		close(l.Fenced)
	}
}

// endAway ends leases whose holders stayed away for too long.
func (d *Desk) endAway(ctx context.Context, p Partition) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var waits []func(context.Context) (state.Result, error)
	for _, l := range d.away(time.Now()) {
		wait, err := p.Submit(ctx, &replica.Proposal{Command: l.End(true)})
		if err != nil {
			return err
		}
		waits = append(waits, wait)
	}
	var failed error
	for _, wait := range waits {
		if _, err := wait(ctx); err != nil {
			failed = err
		}
	}
	d.metrics.gone.Add(float64(len(waits)))
	return failed
}

// away is the leases that are to be ended, some at a time, the oldest first.
func (d *Desk) away(now time.Time) (all []*Lease) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.leases {
		if !l.here && now.After(l.until) {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b *Lease) int { return a.until.Compare(b.until) })
	return all[:min(len(all), endAtOnce)]
}
