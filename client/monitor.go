package client

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/convert"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// How a monitor works: like a subscription. One goroutine reads its stream and
// hands one change at a time to Next; the node keeps the queue, and sends a
// snapshot where that overflowed. When the stream breaks the monitor is opened
// again, and the snapshot that it begins with is handed on as a resync.

// monitor is interest in the changes of groups that outlives connections.
type monitor struct {
	c        *Client
	req      *eventnodev1.MonitorRequest
	snapshot map[string][]eventnode.Membership
	closed   atomic.Bool

	// ctx ends with Close, with the context it was made with and with the
	// client; its cause is the reason.
	ctx  context.Context
	stop context.CancelCauseFunc

	// changes come from run, which closes it at the end, after it has set err.
	// Unbuffered.
	changes chan eventnode.Change
	err     error
}

var _ eventnode.Monitor = (*monitor)(nil)

// monitorStream is a stream whose snapshot has been read.
type monitorStream struct {
	conn     *conn
	stream   grpc.ServerStreamingClient[eventnodev1.MonitorResponse]
	cancel   context.CancelFunc
	snapshot map[string][]eventnode.Membership
}

// newMonitor opens a monitor.
func (c *Client) newMonitor(ctx context.Context, req *eventnodev1.MonitorRequest) (eventnode.Monitor, error) {
	m := &monitor{c: c, req: req, changes: make(chan eventnode.Change)}
	m.ctx, m.stop = c.life(ctx)
	var first *monitorStream
	err := c.repeat(m.ctx, func(cn *conn) (err error) {
		first, err = m.openAt(cn)
		return err
	})
	if err == nil {
		m.snapshot = first.snapshot
		err = c.start(func() { m.run(first) })
	}
	if err != nil {
		m.stop(err)
		return nil, err
	}
	return m, nil
}

// openAt opens a stream and reads its snapshot.
func (m *monitor) openAt(cn *conn) (*monitorStream, error) {
	ctx, cancel := context.WithCancel(m.ctx)
	s := &monitorStream{conn: cn, cancel: cancel}
	err := s.start(ctx, m.req)
	if err != nil {
		cancel()
		return nil, err
	}
	return s, nil
}

func (s *monitorStream) start(ctx context.Context, req *eventnodev1.MonitorRequest) (err error) {
	if s.stream, err = eventnodev1.NewGroupServiceClient(s.conn.cc).Monitor(ctx, req); err != nil {
		return err
	}
	r, err := s.stream.Recv()
	if err != nil {
		return err
	}
	if !r.GetSnapshot() {
		return fmt.Errorf("monitor begins without a snapshot: %w", wire.ErrMalformed)
	}
	s.snapshot, err = s.readSnapshot(r)
	return err
}

// readSnapshot reads a snapshot, of which r is the first message.
func (s *monitorStream) readSnapshot(r *eventnodev1.MonitorResponse) (map[string][]eventnode.Membership, error) {
	all := make(map[string][]eventnode.Membership)
	for {
		for _, ch := range r.GetChanges() {
			all[ch.GetGroup()] = append(all[ch.GetGroup()], convert.MembershipsFromProto(ch.GetJoined())...)
		}
		if r.GetSnapshotEnd() {
			return all, nil
		}
		var err error
		if r, err = s.stream.Recv(); err != nil {
			return nil, err
		}
		if !r.GetSnapshot() {
			return nil, fmt.Errorf("snapshot has no end: %w", wire.ErrMalformed)
		}
	}
}

// run hands changes to Next until the monitor ends.
func (m *monitor) run(s *monitorStream) {
	defer close(m.changes)
	for {
		err := m.pump(s)
		s.cancel()
		err = m.c.again(m.ctx, s.conn, err, func(cn *conn) (err error) {
			s, err = m.openAt(cn)
			return err
		})
		if err == nil {
			err = m.give(eventnode.Change{Resync: s.snapshot})
		}
		if err != nil {
			m.err = err
			if s != nil {
				s.cancel()
			}
			return
		}
	}
}

// pump hands over the changes of one stream until it breaks.
func (m *monitor) pump(s *monitorStream) error {
	for {
		r, err := s.stream.Recv()
		if err != nil {
			return s.conn.failure(m.ctx, err)
		}
		if r.GetSnapshot() {
			snapshot, err := s.readSnapshot(r)
			if err != nil {
				return s.conn.failure(m.ctx, err)
			}
			if err := m.give(eventnode.Change{Resync: snapshot}); err != nil {
				return err
			}
			continue
		}
		for _, ch := range r.GetChanges() {
			err := m.give(eventnode.Change{
				Group:   ch.GetGroup(),
				Joined:  convert.MembershipsFromProto(ch.GetJoined()),
				Left:    convert.MembershipsFromProto(ch.GetLeft()),
				Updated: convert.MembershipsFromProto(ch.GetUpdated()),
			})
			if err != nil {
				return err
			}
		}
	}
}

// give hands a change to Next.
func (m *monitor) give(ch eventnode.Change) error {
	select {
	case m.changes <- ch:
		return nil
	case <-m.ctx.Done():
		return context.Cause(m.ctx)
	}
}

// Snapshot implements eventnode.Monitor.
func (m *monitor) Snapshot() map[string][]eventnode.Membership { return m.snapshot }

// Next implements eventnode.Monitor.
func (m *monitor) Next(ctx context.Context) (eventnode.Change, error) {
	if m.ctx.Err() != nil {
		return eventnode.Change{}, context.Cause(m.ctx)
	}
	select {
	case ch, ok := <-m.changes:
		if ok && m.ctx.Err() == nil {
			return ch, nil
		}
		if !ok {
			m.stop(m.err)
		}
		return eventnode.Change{}, context.Cause(m.ctx)
	case <-m.ctx.Done():
		return eventnode.Change{}, context.Cause(m.ctx)
	case <-ctx.Done():
		return eventnode.Change{}, ctx.Err()
	}
}

// All implements eventnode.Monitor.
func (m *monitor) All(ctx context.Context) iter.Seq2[eventnode.Change, error] {
	return all(ctx, m.ctx, m.Next)
}

// Close implements eventnode.Monitor.
func (m *monitor) Close() bool {
	first := !m.closed.Swap(true)
	m.stop(fmt.Errorf("monitor: %w", eventnode.ErrClosed))
	for range m.changes { // discards; run closes it
	}
	return first
}
