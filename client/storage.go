package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backupfile"
	"github.com/eventnode/eventnode/internal/convert"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

var _ eventnode.Storage = (*Client)(nil)

// StorageStatus says how the copies of durable streams are.
func (c *Client) StorageStatus(ctx context.Context) (eventnode.StorageStatus, error) {
	var r *eventnodev1.StorageStatusResponse
	err := c.repeat(ctx, func(cn *conn) (err error) {
		r, err = eventnodev1.NewStorageServiceClient(cn.cc).StorageStatus(ctx, &eventnodev1.StorageStatusRequest{})
		return err
	})
	if err != nil {
		return eventnode.StorageStatus{}, err
	}
	return convert.StorageStatusFromProto(r), nil
}

// Scrub has nodes read all that they have on disk; see eventnode.Storage. When the
// connection is lost it ends with ErrUnavailable: it is not begun again by itself.
func (c *Client) Scrub(ctx context.Context, opts eventnode.ScrubOptions) iter.Seq2[eventnode.ScrubProgress, error] {
	return func(yield func(eventnode.ScrubProgress, error) bool) {
		ctx, stop := c.life(ctx)
		defer stop(nil)
		req := &eventnodev1.ScrubRequest{Nodes: convert.NodeIDsToProto(opts.Nodes), BytesPerSecond: opts.BytesPerSecond, Repair: opts.Repair}
		a, err := answers(ctx, c, eventnodev1.StorageServiceClient.Scrub, req)
		for err == nil {
			var m *eventnodev1.ScrubResponse
			if m, err = a.next(); err == nil && !yield(convert.ScrubProgressFromProto(m), nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(eventnode.ScrubProgress{}, err)
		}
	}
}

// Backup writes a copy of everything to w; see eventnode.Storage. When the connection
// is lost it fails with ErrUnavailable: it is not begun again by itself.
func (c *Client) Backup(ctx context.Context, w io.Writer, opts eventnode.BackupOptions) (eventnode.BackupInfo, error) {
	ctx, stop := c.life(ctx)
	defer stop(nil)
	a, err := answers(ctx, c, eventnodev1.StorageServiceClient.Backup, &eventnodev1.BackupRequest{BytesPerSecond: opts.BytesPerSecond})
	if err != nil {
		return eventnode.BackupInfo{}, err
	}
	return (&backupReader{next: a.next, w: w, progress: opts.Progress}).all()
}

// answering is the answers to a call.
type answering[R any] struct {
	ctx    context.Context //nolint:containedctx // of this one call
	conn   *conn
	stream grpc.ServerStreamingClient[R]
}

// answers makes a call that is answered with a stream.
func answers[Q, R any](ctx context.Context, c *Client, f func(eventnodev1.StorageServiceClient, context.Context, Q, ...grpc.CallOption) (grpc.ServerStreamingClient[R], error), req Q) (*answering[R], error) {
	cn, err := c.await(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := f(eventnodev1.NewStorageServiceClient(cn.cc), ctx, req)
	if err != nil {
		return nil, undone(cn.failure(ctx, err))
	}
	return &answering[R]{ctx, cn, stream}, nil
}

// next is the next answer; io.EOF: there is none any more.
func (a *answering[R]) next() (*R, error) {
	m, err := a.stream.Recv()
	if err == nil || errors.Is(err, io.EOF) {
		return m, err
	}
	return nil, undone(a.conn.failure(a.ctx, err))
}

// backupReader is the bytes of a backup as they come. What is read of it is written
// to w first.
type backupReader struct {
	next     func() (*eventnodev1.BackupResponse, error)
	w        io.Writer
	progress func(eventnode.BackupProgress)

	at   eventnode.BackupProgress
	rest []byte
	err  error // of next or w
}

// all reads to the end, and verifies every checksum on the way.
func (b *backupReader) all() (eventnode.BackupInfo, error) {
	file, err := backupfile.NewReader(b)
	if err == nil {
		_, err = io.Copy(io.Discard, file)
	}
	if err != nil {
		return eventnode.BackupInfo{}, b.explain(err)
	}
	return file.Info(), nil
}

// Read implements io.Reader.
func (b *backupReader) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.err == nil {
			b.err = b.more()
		}
		if b.err != nil {
			return 0, b.err
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *backupReader) more() error {
	m, err := b.next()
	if err != nil {
		return err
	}
	if b.rest = m.GetData(); len(b.rest) > 0 {
		if _, err := b.w.Write(b.rest); err != nil {
			return fmt.Errorf("write the backup: %w", err)
		}
	}
	b.at.Verified, b.at.Total = max(b.at.Verified, m.GetVerified()), m.GetTotal()
	b.at.Sent += uint64(len(b.rest))
	if b.progress != nil {
		b.progress(b.at)
	}
	return nil
}

// explain is what an error met while reading means: what ended the bytes, rather than
// that they ended.
func (b *backupReader) explain(err error) error {
	if b.err != nil && !errors.Is(b.err, io.EOF) {
		return b.err
	}
	return fmt.Errorf("what came is no backup, make it again: %w", err)
}
