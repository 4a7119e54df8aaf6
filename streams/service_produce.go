package streams

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"

	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

// A producer's stream. The reader submits one request after the other; the writer,
// on the goroutine of the call, waits for each in the same order and answers it.
// What is under way between the two is bounded, in number and in bytes: then the
// reader waits, and with it the client.
//
// When the leader is lost, the stream answers what is under way, and ends with
// UNAVAILABLE, as soon as there is another one to go to, but not later than a call
// that waits for a leader. It does not go on with that one itself: whether what comes then may
// stand behind what came before, only the client can say, who knows what failed.
//
// The stream's header comes when there is a leader that has taken it. A client that waits
// for it sends nothing to a node that could do nothing, and so knows that nothing was done.

// publishAddress is the number of PublishStreamResponse.leader_address.
const publishAddress = 2

// produceStream is one stream.
type produceStream struct {
	s      *Service
	p      partition
	stream grpc.BidiStreamingServer[eventnodev1.PublishStreamRequest, eventnodev1.PublishStreamResponse]
	bytes  *semaphore.Weighted // of requests under way
	queue  chan underWay       // MaxRequests; the reader waits when it is full
	waited bool                // for another leader: once is enough
}

// underWay is a request that was submitted, or why there is none any more.
type underWay struct {
	batches []sent
	frame   wire.Piece
	cost    int64
	end     error // io.EOF: half-closed
}

// PublishStream is a producer.
func (s *Service) PublishStream(stream grpc.BidiStreamingServer[eventnodev1.PublishStreamRequest, eventnodev1.PublishStreamResponse]) error {
	local, to, err := s.route(stream.Context(), eventnodev1.StreamService_PublishStream_FullMethodName, &bothWays)
	if err != nil {
		return s.status(err)
	}
	if local == nil {
		return s.status(s.pipePublish(stream, to))
	}
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	ps := &produceStream{
		s: s, p: local, stream: stream,
		bytes: semaphore.NewWeighted(int64(s.cfg.MaxRequestBytes)),
		queue: make(chan underWay, s.cfg.MaxRequests),
	}
	var reader sync.WaitGroup
	reader.Go(func() { ps.read(stream.Context()) })
	err = ps.write(stream.Context())
	if errors.Is(err, errMoved) || errors.Is(err, errNoLeader) {
		return s.status(err) // gRPC ends the reader's RecvMsg when this has returned
	}
	reader.Wait()
	return s.status(err)
}

// pipePublish passes a producer's stream on to the leader.
func (s *Service) pipePublish(stream grpc.ServerStream, to *call) error {
	err := wire.Taken(to)
	if err == nil {
		err = stream.SendHeader(nil)
	}
	if err != nil {
		defer to.stop()
		err = to.ended(stream.Context(), reads, err)
		s.metrics.forwarded.WithLabelValues(codeOf(err)).Inc()
		return err
	}
	return s.pipe(stream, to, writes, publishAddress)
}

// read submits requests until the stream ends, or one is malformed.
func (ps *produceStream) read(ctx context.Context) {
	for {
		r := ps.next(ctx)
		select {
		case ps.queue <- r:
		case <-ctx.Done():
			return
		}
		if r.end != nil {
			return
		}
	}
}

// next submits the next request.
func (ps *produceStream) next(ctx context.Context) (r underWay) {
	f := wire.Frame{Counted: true}
	if r.end = ps.stream.RecvMsg(&f); r.end != nil {
		return r
	}
	r.frame = f.Received
	r.cost = min(int64(len(f.Received.Data)), int64(ps.s.cfg.MaxRequestBytes))
	if r.end = ps.bytes.Acquire(ctx, r.cost); r.end != nil {
		return r
	}
	r.batches, r.end = ps.s.submit(ctx, ps.p, f.Received.Data)
	return r
}

// write answers requests until the stream ends, and says why; nil: the client has
// half-closed it, and all are answered.
func (ps *produceStream) write(ctx context.Context) error {
	for {
		select {
		case r := <-ps.queue:
			if r.end != nil {
				return well(r.end)
			}
			lost, err := ps.answer(ctx, r)
			switch {
			case err != nil:
				return err
			case lost:
				return ps.finish(ctx)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// answer waits for a request's batches and answers it.
func (ps *produceStream) answer(ctx context.Context, r underWay) (lost bool, err error) {
	resp := &eventnodev1.PublishStreamResponse{}
	if resp.Results, lost = ps.s.results(ctx, r.batches); lost {
		if !ps.waited {
			ps.s.successor(ctx)
			ps.waited = true
		}
		resp.LeaderAddress = ps.s.leaderAddress()
	}
	r.frame.Release() // every wait has returned
	ps.bytes.Release(r.cost)
	return lost, ps.stream.Send(resp)
}

// finish answers what was submitted before the leader was known to be lost, and
// says so: what comes meanwhile does not keep it.
func (ps *produceStream) finish(ctx context.Context) error {
	for range len(ps.queue) {
		r := <-ps.queue // nobody else takes from it
		if r.end != nil {
			return well(r.end)
		}
		if _, err := ps.answer(ctx, r); err != nil {
			return err
		}
	}
	return ps.s.explain(&replica.NotLeaderError{})
}
