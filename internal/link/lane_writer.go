package link

import (
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode/internal/wire"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// minFrameBytes is what frames shrink to on a slow connection.
const minFrameBytes = 16 << 10

// laneWriter sends what a lane holds over one generation. It has two
// goroutines: run sends, listen hears the answers.
type laneWriter struct {
	g      *generation
	lane   *lane
	stream clusterv1.LinkService_LaneClient
	batch  batch
	size   int // of the next frame, at most, in bytes
	frame  wire.Frame
}

// run sends whatever has gathered since the last frame as the next one, until
// the link ends. There is no timer: alone, an event leaves at once; under load
// frames grow by themselves.
func (w *laneWriter) run() error {
	for w.g.ctx.Err() == nil {
		if !w.lane.take(&w.batch, w.size) {
			select {
			case <-w.lane.wake:
			case <-w.g.ctx.Done():
			}
			continue
		}
		if err := w.send(); err != nil {
			return err
		}
	}
	return nil
}

// send hands the batch over as one frame. From here on it is never sent again:
// if the link breaks, nobody knows whether it arrived.
func (w *laneWriter) send() error {
	head, err := appendHead(make([]byte, 0, 16), w.batch.number, w.batch.drops)
	if err != nil {
		return err
	}
	w.frame.Head = head
	w.frame.Segments = append(w.frame.Segments[:0], w.batch.runs...)
	for _, q := range w.batch.queued {
		w.frame.Segments = append(w.frame.Segments, wire.Piece{Data: queuedPrefix(q)}, q.run)
	}
	for _, t := range w.batch.tracked {
		w.frame.Segments = append(w.frame.Segments, wire.Piece{Data: trackedPrefix(t)}, wire.Piece{Data: t.envelope})
	}
	w.g.p.tracker.handOver(w.batch.tracked)

	began := w.g.p.l.now()
	w.lane.touch(began)
	w.lane.sending.Store(true)
	err = w.stream.SendMsg(&w.frame)
	w.lane.sending.Store(false)
	if err != nil {
		return w.failed(err)
	}
	now := w.g.p.l.now()
	w.adapt(now.Seconds() - began.Seconds())
	w.g.p.progressed(w.lane, now)
	c := &w.g.p.counters
	c.frames.Add(1)
	c.bytes.Add(uint64(w.frame.Len()))
	c.events.Add(uint64(w.batch.events))
	clear(w.frame.Segments)
	return nil
}

// adapt halves the frame when handing one over took so long that two of them
// could pass for a stall, and doubles it when it was quick: on a connection of
// 1 MB/s a full frame of each lane would take a second.
func (w *laneWriter) adapt(seconds float64) {
	stall := w.g.p.l.cfg.StallTimeout.Seconds()
	switch {
	case seconds > stall/4:
		w.size = max(w.size/2, min(minFrameBytes, w.g.p.l.cfg.FrameBytes))
	case seconds < stall/32:
		w.size = min(w.size*2, w.g.p.l.cfg.FrameBytes)
	}
}

// failed returns why the frame was not taken: what listen hears, if the stream
// has ended.
func (w *laneWriter) failed(err error) error {
	if errors.Is(err, io.EOF) {
		<-w.g.ctx.Done()
		return nil
	}
	return callError(err)
}

// listen takes the lane's answers until the link ends.
func (w *laneWriter) listen() error {
	var m clusterv1.LaneResponse
	for {
		if err := w.stream.RecvMsg(&m); err != nil {
			if errors.Is(err, io.EOF) {
				return errEnded
			}
			return callError(err)
		}
		w.g.p.progressed(w.lane, w.g.p.l.now())
		w.lane.handled.Store(m.GetHandled())
		for _, r := range m.GetReceipts() {
			w.g.p.tracker.answer(r.GetReceipt(), int(r.GetReached()), nil)
		}
		select {
		case w.g.answered <- struct{}{}:
		default:
		}
	}
}

// sendHead sends a message that has no envelopes.
func sendHead(stream grpc.ClientStream, head []byte) error {
	return stream.SendMsg(&wire.Frame{Head: head})
}
