package dispatch

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/internal/convert"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// smallRun is what is cheaper to copy than to describe to gRPC.
const smallRun = 2 << 10

// sendBatch sends a frame: the head encoded, the events as they came.
func (ss *subscribeStream) sendBatch(number uint64, b *Batch) error {
	head, err := proto.Marshal(&eventnodev1.SubscribeResponse{Subscription: number, Gaps: convert.GapsToProto(b.Gaps)})
	if err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	err = ss.stream.SendMsg(&wire.Frame{Head: head, Segments: joinSmall(b.Runs)})
	b.reset()
	return err
}

// joinSmall returns the runs with those that are small and stand together
// copied into one. What it returns is never written to again: gRPC reads it
// later.
func joinSmall(runs []wire.Piece) []wire.Piece {
	out := runs[:0]
	for len(runs) > 0 {
		n, size := 0, 0
		for n < len(runs) && len(runs[n].Data) < smallRun {
			size += len(runs[n].Data)
			n++
		}
		if n < 2 {
			out = append(out, runs[0])
			runs = runs[1:]
			continue
		}
		joined := make([]byte, 0, size)
		for _, r := range runs[:n] {
			joined = append(joined, r.Data...)
			r.Release()
		}
		out = append(out, wire.Piece{Data: joined})
		runs = runs[n:]
	}
	return out
}
