package consuming

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// Partition is a partition as this node has it; *replica.Replica is one.
type Partition interface {
	// Submit has commands applied in the order in which it was called; wait, to be
	// called once, returns the result.
	Submit(ctx context.Context, p *replica.Proposal) (wait func(context.Context) (state.Result, error), err error)
	// Look returns the state as this node has it. The caller calls done.
	Look() (v state.View, done func(), err error)
	// Reign is the term in which this node leads, and the partition's time; term 0: it
	// does not lead.
	Reign() (term uint64, stampMS int64)
}

// Config of a Desk.
type Config struct {
	// LeaseTTL is how long a lease is kept for a holder that is not there. Shorter, and
	// a consumer whose node restarts loses what it had in hand to others. Defaults to
	// 15 s.
	LeaseTTL time.Duration
	// MaxConsumers bounds the consumers that are there at once. Defaults to 16,384.
	MaxConsumers int
	// MaxLockWaiters bounds those who wait for a lock. Defaults to 16,384.
	MaxLockWaiters int
	// Logger takes what happens. Defaults to none.
	Logger *slog.Logger
	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

// askTimeout bounds one proposal of the desk's own.
const askTimeout = 5 * time.Second

// Desk is that of one partition.
type Desk struct {
	cfg     Config
	metrics *metrics

	mu      sync.Mutex
	term    uint64            // 0: this node does not lead
	over    chan struct{}     // closed when that ends
	waiting map[uint64]lines  // by stream
	leases  map[uint64]*Lease // by epoch
	current map[seat]uint64   // epochs
	here    int               // leases whose holder is here
	locks   map[state.Name]*queue
	parked  int // who waits for a lock
}

// New returns a desk, which Run brings to life.
func New(cfg Config) (*Desk, error) {
	if cfg.LeaseTTL < 0 || cfg.MaxConsumers < 0 || cfg.MaxLockWaiters < 0 {
		return nil, fmt.Errorf("consuming: LeaseTTL, MaxConsumers or MaxLockWaiters is negative: %w", eventnode.ErrInvalidArgument)
	}
	if cfg.LeaseTTL == 0 {
		cfg.LeaseTTL = 15 * time.Second
	}
	if cfg.MaxConsumers == 0 {
		cfg.MaxConsumers = 16_384
	}
	if cfg.MaxLockWaiters == 0 {
		cfg.MaxLockWaiters = 16_384
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Desk{cfg: cfg, over: make(chan struct{}), waiting: map[uint64]lines{}, leases: map[uint64]*Lease{},
		current: map[seat]uint64{}, locks: map[state.Name]*queue{}}
	var err error
	d.metrics, err = newMetrics(cfg.Registerer, d)
	return d, err
}

// LeaseTTL is how long a lease is kept for a holder that is not there.
func (d *Desk) LeaseTTL() time.Duration { return d.cfg.LeaseTTL }

// Run does what nobody asks for, as long as this node leads, until ctx ends.
func (d *Desk) Run(ctx context.Context, p Partition) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { d.expire(ctx, p); return nil })
	g.Go(func() error { d.watch(ctx, p); return nil })
	err := g.Wait()
	d.adopt(0)
	return err
}

// Reign is closed when this node does not lead any more in the term in which it does
// now; false if it does not lead.
func (d *Desk) Reign(p Partition) (over <-chan struct{}, leads bool) {
	term, _ := p.Reign()
	return d.adopt(term), term != 0
}

// adopt takes note of the term in which this node leads. Of an old one, known late, it
// makes a break: who waits comes again.
func (d *Desk) adopt(term uint64) <-chan struct{} {
	d.mu.Lock()
	if term == d.term {
		defer d.mu.Unlock()
		return d.over
	}
	old, now := d.over, make(chan struct{})
	d.term, d.over = term, now
	d.restart(time.Now())
	d.mu.Unlock()
	close(old)
	return now
}

// propose has a command applied.
func propose(ctx context.Context, p Partition, c *storagev1.Command) (state.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	wait, err := p.Submit(ctx, &replica.Proposal{Command: c})
	if err != nil {
		return state.Result{}, err
	}
	r, err := wait(ctx)
	if err == nil {
		err = r.Err
	}
	return r, err
}
