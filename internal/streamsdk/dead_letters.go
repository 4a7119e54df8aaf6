package streamsdk

import (
	"context"
	"iter"
	"slices"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// DeadLetters implements eventnode.Consumers.
func (c *Consumers) DeadLetters(ctx context.Context, stream string) iter.Seq2[eventnode.DeadLetter, error] {
	return func(yield func(eventnode.DeadLetter, error) bool) {
		req := &eventnodev1.ListDeadLettersRequest{Stream: c.stream(stream)}
		for more := true; more; {
			page, err := invoke[eventnodev1.ListDeadLettersResponse](ctx, c.cfg, eventnodev1.ConsumerService_ListDeadLetters_FullMethodName, Harmless, req)
			if err != nil {
				yield(eventnode.DeadLetter{}, err)
				return
			}
			for _, m := range page.GetLetters() {
				letter, err := letterFromProto(stream, m)
				if !yield(letter, err) || err != nil {
					return
				}
				req.After = m.GetNumber()
			}
			more = page.GetMore() && len(page.GetLetters()) > 0
		}
	}
}

// mostLetters bounds the ranges of one request.
const mostLetters = 256

// ReplayDeadLetters implements eventnode.Consumers.
func (c *Consumers) ReplayDeadLetters(ctx context.Context, stream string, numbers ...uint64) (uint64, error) {
	return inParts(numbers, func(part []*eventnodev1.NumberRange) (uint64, error) {
		r, err := invoke[eventnodev1.ReplayDeadLettersResponse](ctx, c.cfg, eventnodev1.ConsumerService_ReplayDeadLetters_FullMethodName, Once,
			&eventnodev1.ReplayDeadLettersRequest{Stream: c.stream(stream), Numbers: part})
		return r.GetReplayed(), err
	})
}

// DropDeadLetters implements eventnode.Consumers.
func (c *Consumers) DropDeadLetters(ctx context.Context, stream string, numbers ...uint64) (uint64, error) {
	return inParts(numbers, func(part []*eventnodev1.NumberRange) (uint64, error) {
		r, err := invoke[eventnodev1.DropDeadLettersResponse](ctx, c.cfg, eventnodev1.ConsumerService_DropDeadLetters_FullMethodName, Once,
			&eventnodev1.DropDeadLettersRequest{Stream: c.stream(stream), Numbers: part})
		return r.GetDropped(), err
	})
}

// inParts makes a request for each mostLetters numbers, in order, and adds up what it
// returns.
func inParts(list []uint64, f func([]*eventnodev1.NumberRange) (uint64, error)) (all uint64, err error) {
	list = slices.Clone(list)
	slices.Sort(list)
	list = slices.Compact(list)
	for part := range slices.Chunk(list, mostLetters) {
		n, err := f(asRanges(part))
		all += n
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// asRanges joins sorted numbers that follow each other.
func asRanges(list []uint64) (out []*eventnodev1.NumberRange) {
	for _, n := range list {
		if k := len(out); k > 0 && out[k-1].GetTo()+1 == n {
			out[k-1].To = n
			continue
		}
		out = append(out, &eventnodev1.NumberRange{From: n, To: n})
	}
	return out
}
