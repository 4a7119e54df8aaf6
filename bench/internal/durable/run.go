package durable

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/eventnode/eventnode/bench/internal/load"
	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/server"
	"github.com/eventnode/eventnode/bench/internal/stream"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// eventBytes is the size of an event's data, but where it is said otherwise.
const eventBytes = 128

// startWait bounds how long servers may take until a stream can be made, or until
// all copies are whole again.
const startWait = 30 * time.Second

// errVolatile says why nothing is measured.
var errVolatile = errors.New("what is written would be in memory, where an fsync is nothing: name a directory on a disk with --dir")

// bench is a running system with its stream, and the processes that use it.
type bench struct {
	env     *suite.Env
	system  suite.System
	cluster *server.Cluster
	procs   []*proc.Process
}

// open starts a system and makes its stream.
func open(ctx context.Context, env *suite.Env, system suite.System) (*bench, error) {
	if env.Volatile && !env.Short {
		return nil, errVolatile
	}
	c, err := server.StartDurable(ctx, env, system)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", system, err)
	}
	b := &bench{env: env, system: system, cluster: c}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	if err := stream.Create(ctx, b.conn()); err != nil {
		b.close()
		return nil, fmt.Errorf("make a stream of %s: %w", system, err)
	}
	return b, nil
}

func (b *bench) close() {
	proc.StopAll(b.procs...)
	b.cluster.Stop()
}

// conn is where processes find the system.
func (b *bench) conn() stream.Conn {
	return stream.Conn{System: b.system, Addrs: b.cluster.Addrs}
}

// near is conn, with the node first that is best to connect to. eventnode's client
// finds the leader by itself; for JetStream that is a hop less.
func (b *bench) near(ctx context.Context) (stream.Conn, error) {
	conn := b.conn()
	if b.system == suite.Eventnode || len(conn.Addrs) == 1 {
		return conn, nil
	}
	leader, err := b.leader(ctx)
	if err != nil {
		return conn, err
	}
	conn.Addrs = slices.Concat(conn.Addrs[leader:], conn.Addrs[:leader])
	return conn, nil
}

// leader is the node that leads the stream.
func (b *bench) leader(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	name, err := stream.Leader(ctx, b.conn())
	if err != nil {
		return 0, fmt.Errorf("who leads: %w", err)
	}
	if i := b.cluster.Node(name); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("%q leads, which is no node", name)
}

// role starts a process of this program and waits until it is ready.
func (b *bench) role(ctx context.Context, role string, cfg any) (*proc.Process, error) {
	args := []string{"stream", role}
	if b.env.Profile != "" {
		args = append(args, "--profile", filepath.Join(b.env.Profile, role+".pprof"))
	}
	p, err := proc.Start(ctx, role, exec.Command(b.env.Self, args...), b.env.Log)
	if err != nil {
		return nil, err
	}
	b.procs = append(b.procs, p)
	if err := p.Send(cfg); err != nil {
		return nil, err
	}
	return p, p.Receive(ctx, &load.Ready{})
}

// used is what the servers have used so far.
type used struct {
	cpu     time.Duration
	written int64
}

func (b *bench) used() (u used, err error) {
	for _, p := range b.cluster.Procs {
		cpu, err := p.CPU()
		if err != nil {
			return u, err
		}
		written, err := p.Written()
		if err != nil {
			return u, err
		}
		u.cpu += cpu
		u.written += written
	}
	return u, nil
}

// publish lets a process publish for some seconds, and says what the servers used
// meanwhile. What failed is an error.
func (b *bench) publish(ctx context.Context, role string, cfg any, seconds float64) (r stream.Published, u used, err error) {
	p, err := b.role(ctx, role, cfg)
	if err != nil {
		return r, u, err
	}
	before, err := b.used()
	if err != nil {
		return r, u, err
	}
	profiles := b.cluster.Profile(ctx, b.env, seconds)
	if err := p.Ask(ctx, stream.Order{Go: true}, &r); err != nil {
		return r, u, err
	}
	after, err := b.used()
	if err != nil {
		return r, u, err
	}
	if r.Trouble != "" {
		return r, u, fmt.Errorf("publish: %s", r.Trouble)
	}
	p.Stop()
	return r, used{after.cpu - before.cpu, after.written - before.written}, profiles()
}

// readAll has a process of its own read and judge the whole stream. What is not right
// is an error.
func (b *bench) readAll(ctx context.Context, acked []uint64) (stream.Read, error) {
	return b.read(ctx, stream.ReaderConfig{First: make([]uint64, len(acked))}, acked)
}

// read reads and judges a part of the stream, whose events end before these numbers.
func (b *bench) read(ctx context.Context, cfg stream.ReaderConfig, end []uint64) (r stream.Read, err error) {
	if cfg.Conn, err = b.near(ctx); err != nil {
		return r, err
	}
	p, err := b.role(ctx, "reader", cfg)
	if err != nil {
		return r, err
	}
	if err := p.Send(stream.Order{Go: true}); err != nil {
		return r, err
	}
	return b.judged(ctx, p, end)
}

// judged tells a reader what was acked and says what it saw.
func (b *bench) judged(ctx context.Context, reader *proc.Process, acked []uint64) (r stream.Read, err error) {
	if err := reader.Ask(ctx, stream.Order{Expect: acked}, &r); err != nil {
		return r, err
	}
	reader.Stop()
	if r.Wrong.Any() || r.Trouble != "" {
		return r, fmt.Errorf("what was read is not what was acked: %d lost, %d duplicates, %d out of order, %d strange (%s)",
			r.Wrong.Lost, r.Wrong.Duplicates, r.Wrong.OutOfOrder, r.Wrong.Strange, r.Trouble)
	}
	return r, nil
}

// seconds is how long publishers publish.
func seconds(env *suite.Env) float64 {
	if env.Short {
		return 0.3
	}
	return 3
}

// per is a rate, from and to in nanoseconds.
func per(n uint64, from, to int64) float64 {
	return float64(n) / time.Duration(to-from).Seconds()
}

// sum is that of all publishers.
func sum(list []uint64) (all uint64) {
	for _, n := range list {
		all += n
	}
	return all
}
