package dispatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/access"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/convert"
	"github.com/eventnode/eventnode/internal/permit"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// A publisher's stream. The reader takes a frame, dispatches it and notes what
// became of it; the writer sends what was noted since it last sent. So a client
// that does not read answers costs at most maxUnsent of them and a piece: then
// its frames wait.

const (
	// maxUnsent is how many refusals and receipts wait, sent or gathered.
	maxUnsent = 4096
	// pieceBytes is how much of a frame is dispatched before answers count.
	pieceBytes = 256 << 10
)

// errMixed refuses a frame that is neither fast nor tracked.
var errMixed = fmt.Errorf("a frame has envelopes or tracked envelopes, not both: %w", eventnode.ErrInvalidArgument)

// numbered is a refusal with the event's number in the stream.
type numbered struct {
	number uint64
	err    error
}

// publishStream is one stream.
type publishStream struct {
	p      *Publisher
	stream grpc.BidiStreamingServer[eventnodev1.DispatchStreamRequest, eventnodev1.DispatchStreamResponse]
	last   uint64 // number of the last envelope; the reader's

	mu       sync.Mutex
	handled  uint64
	told     uint64 // handled as last sent; the writer's
	refusals []numbered
	receipts []*eventnodev1.NumberedReceipt
	tracking int   // receipts that are being gathered
	readErr  error // why the reader has ended; io.EOF: half-closed

	more chan struct{} // capacity 1: the writer should look again
	room chan struct{} // capacity 1: the reader should
}

// DispatchStream is a publisher.
func (s *Service) DispatchStream(stream grpc.BidiStreamingServer[eventnodev1.DispatchStreamRequest, eventnodev1.DispatchStreamResponse]) error {
	p, err := s.d.NewPublisher(stream.Context())
	if err != nil {
		return streamError(err)
	}
	p.names = permit.NewNames(stream.Context(), access.Dispatch)
	ps := &publishStream{p: p, stream: stream, more: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	var reader sync.WaitGroup
	reader.Go(func() { ps.end(ps.read(stream.Context())) })
	err = ps.write(stream.Context(), s.d)
	if errors.Is(err, eventnode.ErrClosed) {
		return streamError(err) // gRPC ends the reader's RecvMsg when this has returned
	}
	reader.Wait()
	return streamError(err)
}

// read takes frames until the stream ends.
func (ps *publishStream) read(ctx context.Context) error {
	for {
		f := wire.Frame{Counted: true}
		if err := ps.stream.RecvMsg(&f); err != nil {
			return err
		}
		head, envelopes, err := wire.Split(f.Received.Data)
		if err != nil {
			return err
		}
		if len(head) == 0 {
			err = ps.forward(ctx, wire.Piece{Data: envelopes, Mem: f.Received.Mem})
		} else {
			err = ps.tracked(ctx, head, wire.Piece{Data: envelopes, Mem: f.Received.Mem})
		}
		if err != nil {
			return err
		}
		f.Received.Release()
	}
}

// forward dispatches the envelopes of a frame, piece by piece.
func (ps *publishStream) forward(ctx context.Context, envelopes wire.Piece) error {
	for len(envelopes.Data) > 0 {
		piece := envelopes
		if len(envelopes.Data) > pieceBytes {
			piece.Data, envelopes.Data, _ = wire.Cut(envelopes.Data, pieceBytes)
		} else {
			envelopes.Data = nil
		}
		handled, refusals, err := ps.p.Forward(ctx, piece)
		ps.note(handled, refusals)
		if err != nil {
			return err
		}
		if err := ps.waitRoom(ctx); err != nil {
			return err
		}
	}
	return nil
}

// note tells the writer how far the reader is.
func (ps *publishStream) note(handled int, refusals []Refusal) {
	first := ps.last + 1
	ps.last += uint64(handled)
	ps.mu.Lock()
	ps.handled = ps.last
	for _, r := range refusals {
		ps.refusals = append(ps.refusals, numbered{first + uint64(r.Index), r.Err})
	}
	ps.mu.Unlock()
	signal(ps.more)
}

// tracked dispatches the tracked envelopes of a frame.
func (ps *publishStream) tracked(ctx context.Context, head []byte, envelopes wire.Piece) error {
	all, err := wire.ParseTracked(head)
	if err != nil {
		return err
	}
	if len(all) == 0 { // fields that this version does not know
		return ps.forward(ctx, envelopes)
	}
	if len(envelopes.Data) > 0 {
		return errMixed
	}
	for _, t := range all {
		if err := ps.track(ctx, t); err != nil {
			return err
		}
		if err := ps.waitRoom(ctx); err != nil {
			return err
		}
	}
	return nil
}

// track dispatches one tracked envelope. The error is the stream's end, not the
// envelope's refusal.
func (ps *publishStream) track(ctx context.Context, t wire.Tracked) error {
	number := ps.last + 1
	timeout, err := receiptTimeout(t.Timeout)
	if err == nil {
		ps.gathering(1)
		// The envelope outlives the frame that it stands in.
		err = ps.p.ForwardTracked(ctx, bytes.Clone(t.Envelope), timeout, func(r eventnode.Receipt) { ps.receipt(number, r) })
		if err != nil {
			ps.gathering(-1)
		}
	}
	if ended := ps.p.usable(ctx); ended != nil {
		return ended
	}
	var refusals []Refusal
	if err != nil {
		refusals = []Refusal{{Err: err}}
	}
	ps.note(1, refusals)
	return nil
}

// gathering counts receipts on their way.
func (ps *publishStream) gathering(n int) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.tracking += n
}

// receipt notes one that is complete.
func (ps *publishStream) receipt(number uint64, r eventnode.Receipt) {
	ps.mu.Lock()
	ps.tracking--
	ps.receipts = append(ps.receipts, &eventnodev1.NumberedReceipt{Number: number, Receipt: convert.ReceiptToProto(r)})
	ps.mu.Unlock()
	signal(ps.more)
}

// end tells the writer that the reader has ended.
func (ps *publishStream) end(err error) {
	ps.mu.Lock()
	ps.readErr = err
	ps.mu.Unlock()
	signal(ps.more)
}

// waitRoom waits until few enough answers are outstanding.
func (ps *publishStream) waitRoom(ctx context.Context) error {
	for {
		ps.mu.Lock()
		n := len(ps.refusals) + len(ps.receipts) + ps.tracking
		ps.mu.Unlock()
		if n <= maxUnsent {
			return nil
		}
		select {
		case <-ps.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// write sends what was noted until the reader has ended and all is sent, and
// returns why it ended; nil if the client half-closed the stream.
func (ps *publishStream) write(ctx context.Context, d *Dispatcher) error {
	moving := d.moving
	for {
		if isClosed(moving) {
			moving = nil
			if err := ps.stream.Send(&eventnodev1.DispatchStreamResponse{Handled: ps.told, Moving: true}); err != nil {
				return err
			}
		}
		resp, err := ps.next()
		switch {
		case resp != nil:
			if err := ps.stream.Send(resp); err != nil {
				return err
			}
			signal(ps.room)
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		select {
		case <-ps.more:
		case <-moving:
		case <-d.done:
			return eventnode.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// next returns what to send, if there is something; if there will be nothing
// any more, why.
func (ps *publishStream) next() (*eventnodev1.DispatchStreamResponse, error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	handled, refusals := ps.handled, ps.refusals
	ps.refusals = nil
	if len(refusals) > maxUnsent {
		refusals, ps.refusals = refusals[:maxUnsent], refusals[maxUnsent:]
		handled = refusals[maxUnsent-1].number // what follows is told later
	}
	receipts := ps.ready(handled)
	if handled == ps.told && len(refusals)+len(receipts) == 0 {
		return nil, ps.ended()
	}
	resp := &eventnodev1.DispatchStreamResponse{Handled: handled, Receipts: receipts}
	ps.told = handled
	for _, r := range refusals {
		resp.Refusals = append(resp.Refusals, &eventnodev1.Refusal{
			Number: r.number, Reason: apierr.Reason(r.err), Message: r.err.Error(), Details: apierr.Details(r.err),
		})
	}
	return resp, nil
}

// ready takes the receipts out whose events are handled. The receipt of an event
// that reaches nobody else is complete before its reader has noted it.
func (ps *publishStream) ready(handled uint64) []*eventnodev1.NumberedReceipt {
	var now, later []*eventnodev1.NumberedReceipt
	for _, r := range ps.receipts {
		if r.GetNumber() <= handled {
			now = append(now, r)
		} else {
			later = append(later, r)
		}
	}
	ps.receipts = later
	return now
}

// ended is the reader's error if no answer is on its way any more. Receipts
// that a client has not waited for before a mistake are not waited for either.
func (ps *publishStream) ended() error {
	if ps.tracking > 0 && errors.Is(ps.readErr, io.EOF) {
		return nil
	}
	return ps.readErr
}

// signal puts a token into a channel of capacity 1.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
