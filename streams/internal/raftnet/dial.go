package raftnet

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/google/uuid"
)

// connect is the dialler's end of the preamble. ctx has a deadline, and ends
// when the layer closes.
func (l *Layer) connect(ctx context.Context, target uuid.UUID, hostport string) (net.Conn, error) {
	raw, err := l.server.cfg.Dial(ctx, hostport)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	err = l.introduce(ctx, raw, target)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	kept, err := l.keep(raw)
	if err != nil {
		_ = raw.Close()
		return nil, ErrClosed
	}
	return &dialled{conn: kept}, nil
}

// introduce says who this is and whom it wants, and proves it.
func (l *Layer) introduce(ctx context.Context, raw net.Conn, target uuid.UUID) error {
	deadline, _ := ctx.Deadline()
	if err := raw.SetDeadline(deadline); err != nil {
		return err
	}
	said := hello{
		lo: version, hi: version,
		cluster: l.server.cfg.Cluster, clusterUUID: l.id.Cluster, partition: l.id.Partition,
		sender: l.id.Replica, target: target, nonce: newNonce(),
	}.encode()
	if _, err := raw.Write(said); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	challenge, err := readReply(raw, nonceBytes+proofBytes)
	if err != nil {
		return err
	}
	if challenge.version != version {
		return fmt.Errorf("%w: %d chosen, %d offered", ErrVersion, challenge.version, version)
	}
	t := transcript{hello: said, calledNonce: challenge.payload[:nonceBytes], version: challenge.version}
	secret, ok := t.provedBy(l.server.cfg.Secrets(), labelCalled, challenge.payload[nonceBytes:])
	if !ok {
		return ErrBadProof
	}
	if _, err := raw.Write(t.proof(secret, labelDialler)); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	if _, err := readReply(raw, 0); err != nil {
		return err
	}
	return raw.SetDeadline(time.Time{})
}
