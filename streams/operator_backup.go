package streams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backupfile"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// A backup is of the leader's copy: once a majority has confirmed that it leads, its
// state has everything that was acked before. From then on it needs no leader any
// more. Before the first byte is sent every row is verified: a damaged copy, with
// checksums that are right, would be found out when it is needed.

// Backup sends a copy of everything.
func (o *Operator) Backup(req *eventnodev1.BackupRequest, stream grpc.ServerStreamingServer[eventnodev1.BackupResponse]) error {
	ctx := stream.Context()
	at, err := o.cfg.Service.find(ctx, time.Now().Add(leaderWait))
	if err != nil {
		return o.status(err)
	}
	r, here := o.replica()
	if at.local == nil || !here {
		return o.status(o.backupThere(ctx, at.leader, req, stream.Send))
	}
	if err := confirmed(ctx, at.local); err != nil {
		return o.status(err)
	}
	b := &backup{o: o, send: stream.Send, rate: req.GetBytesPerSecond()}
	err = b.run(ctx, r)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return o.status(err)
}

// confirmed returns when the state here has everything that was acked before.
func confirmed(ctx context.Context, p partition) error {
	_, done, err := readNow(ctx, p)
	if err == nil {
		done()
	}
	return err
}

// backupThere passes on what the leader sends. It goes on if another one leads
// meanwhile.
func (o *Operator) backupThere(ctx context.Context, leader Leader, req *eventnodev1.BackupRequest, send func(*eventnodev1.BackupResponse) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx, there, err := o.at(ctx, leader.Address)
	if err != nil {
		return err
	}
	answers, err := there.Backup(ctx, req)
	for err == nil {
		var resp *eventnodev1.BackupResponse
		if resp, err = answers.Recv(); err == nil {
			err = send(resp)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// backup is one of this node's copy.
type backup struct {
	o    *Operator
	send func(*eventnodev1.BackupResponse) error
	rate uint64
}

func (b *backup) run(ctx context.Context, r *replica.Replica) error {
	m, err := r.Moment(ctx)
	if err != nil {
		return fmt.Errorf("take a copy: %w", err)
	}
	defer m.Release()
	began := time.Now()
	b.o.cfg.Logger.Info("a backup begins", "index", m.Applied.Index, "bytes", m.Bytes)
	found, err := b.verify(ctx, m)
	if err != nil {
		return err
	}
	sent, err := b.pack(ctx, r, m, found)
	if err != nil {
		b.o.cfg.Logger.Warn("a backup was not finished", "index", m.Applied.Index, "sent", sent, "error", err)
		return err
	}
	b.o.cfg.Logger.Info("a backup was sent", "index", m.Applied.Index, "bytes", sent, "took", time.Since(began))
	return nil
}

// verify reads every row of the copy. The first damage ends it.
func (b *backup) verify(ctx context.Context, m *replica.Moment) (state.Verified, error) {
	p := newPace(ctx, b.rate, func(read uint64) error {
		return b.send(&eventnodev1.BackupResponse{Verified: read, Total: max(read, m.Bytes)})
	})
	var damage error
	found, err := m.Verify(func(bytes int) error {
		if damage != nil {
			return damage
		}
		return p.step(bytes)
	}, func(err error) { damage = errors.Join(damage, err) })
	if damage != nil {
		b.o.cfg.Logger.Error("no backup is made of a damaged copy", "error", damage)
		return found, status.Errorf(codes.DataLoss, "the copy of %s, which leads, is damaged, and no backup is made of it: %v: see what eventnode scrub says", b.o.self(), damage)
	}
	return found, err
}

// pack sends the file.
func (b *backup) pack(ctx context.Context, r *replica.Replica, m *replica.Moment, found state.Verified) (sent uint64, err error) {
	content, size, err := m.Pack()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	out := &parts{send: b.send, total: size, pace: newPace(ctx, b.rate, func(uint64) error { return nil })}
	w, err := backupfile.NewWriter(out, b.info(r, m, found, size))
	if err != nil {
		return 0, err
	}
	if _, err = io.Copy(w, content); err == nil {
		err = w.Close()
	}
	return out.pace.read, err
}

// info is what the file says of itself.
func (b *backup) info(r *replica.Replica, m *replica.Moment, found state.Verified, size uint64) eventnode.BackupInfo {
	return eventnode.BackupInfo{
		Cluster: b.o.cfg.Cluster, ClusterUUID: b.o.cluster().String(), Node: b.o.self(), Version: b.o.cfg.Version,
		Time: time.Now().UTC(), Partition: r.Status().Partition,
		Index: m.Applied.Index, Term: m.Applied.Term, Chain: m.Chain.String(), Stamp: time.UnixMilli(found.StampMS).UTC(),
		Streams: found.Streams, Events: found.Events, Bytes: found.EventBytes, Content: size,
	}
}

// parts sends what is written to it.
type parts struct {
	send  func(*eventnodev1.BackupResponse) error
	total uint64
	pace  *pace
}

// Write implements io.Writer.
func (p *parts) Write(b []byte) (int, error) {
	if err := p.pace.step(len(b)); err != nil {
		return 0, err
	}
	if err := p.send(&eventnodev1.BackupResponse{Total: p.total, Data: b}); err != nil {
		return 0, err
	}
	return len(b), nil
}
