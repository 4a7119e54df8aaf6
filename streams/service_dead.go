package streams

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// A page of dead letters.
const (
	pageLetters = 100
	mostLetters = 1000
)

// ListDeadLetters lists the dead letters of a stream.
func (s *Service) ListDeadLetters(ctx context.Context, req *eventnodev1.ListDeadLettersRequest) (*eventnodev1.ListDeadLettersResponse, error) {
	return serve(ctx, s, eventnodev1.ConsumerService_ListDeadLetters_FullMethodName, reads, req, listDead)
}

func listDead(ctx context.Context, p partition, req *eventnodev1.ListDeadLettersRequest) (*eventnodev1.ListDeadLettersResponse, error) {
	v, done, err := readNow(ctx, p)
	if err != nil {
		return nil, err
	}
	defer done()
	dead, found, err := deadOf(v, nameOf(req.GetStream()))
	if err != nil || !found {
		return &eventnodev1.ListDeadLettersResponse{}, err
	}
	resp := &eventnodev1.ListDeadLettersResponse{Count: dead.Count()}
	if req.GetAfter() == math.MaxUint64 {
		return resp, nil
	}
	limit := int(min(req.GetLimit(), mostLetters))
	if limit == 0 {
		limit = pageLetters
	}
	size := 0
	for slice, err := range v.Read(dead.Row.GetId(), req.GetAfter()+1, state.NoLimit) {
		if err != nil {
			return nil, err
		}
		for rest := slice.Records; len(rest) > 0; slice.Number++ {
			if len(resp.Letters) == limit || size >= pageBytes || ctx.Err() != nil {
				resp.More = true
				return resp, nil
			}
			var letter *eventnodev1.DeadLetter
			before := len(rest)
			if letter, rest, err = letterOut(slice, rest); err != nil {
				return nil, err
			}
			size += before - len(rest)
			resp.Letters = append(resp.Letters, letter)
		}
	}
	return resp, nil
}

// deadOf is the stream of a stream's dead letters; false if there are none yet.
func deadOf(v state.View, n state.Name) (dead state.Stream, found bool, err error) {
	if _, err := v.Stream(n); err != nil {
		return dead, false, err
	}
	dead, err = v.Stream(n.Dead())
	if errors.Is(err, eventnode.ErrStreamNotFound) {
		return dead, false, nil
	}
	return dead, err == nil, err
}

// letterOut is the first of some records.
func letterOut(at state.Slice, records []byte) (*eventnodev1.DeadLetter, []byte, error) {
	rec, rest, err := wire.NextRecord(records)
	if err != nil {
		return nil, nil, fmt.Errorf("dead letter %d: %w", at.Number, err)
	}
	ev := &eventnodev1.Event{}
	if err := proto.Unmarshal(rec.Event, ev); err != nil {
		return nil, nil, fmt.Errorf("dead letter %d: %w", at.Number, err)
	}
	meta := ev.GetMeta()
	deliveries, _ := strconv.ParseUint(meta[state.DeadDeliveries], 10, 32) // 0 is not known
	letter := &eventnodev1.DeadLetter{
		Number: at.Number, Died: timestamppb.New(time.UnixMilli(at.First.MS)), Event: ev,
		Reason: meta[state.DeadReason], Group: meta[state.DeadGroup], Position: meta[state.DeadPosition], Deliveries: uint32(deliveries),
	}
	for key := range meta {
		if strings.HasPrefix(key, state.DeadPrefix) {
			delete(meta, key)
		}
	}
	return letter, rest, nil
}

// ReplayDeadLetters appends dead letters to the stream that they came from.
func (s *Service) ReplayDeadLetters(ctx context.Context, req *eventnodev1.ReplayDeadLettersRequest) (*eventnodev1.ReplayDeadLettersResponse, error) {
	return serve(ctx, s, eventnodev1.ConsumerService_ReplayDeadLetters_FullMethodName, writes, req,
		func(ctx context.Context, p partition, req *eventnodev1.ReplayDeadLettersRequest) (*eventnodev1.ReplayDeadLettersResponse, error) {
			n, err := settleDead(ctx, p, req.GetStream(), req.GetNumbers(), true)
			return &eventnodev1.ReplayDeadLettersResponse{Replayed: n}, err
		})
}

// DropDeadLetters removes dead letters.
func (s *Service) DropDeadLetters(ctx context.Context, req *eventnodev1.DropDeadLettersRequest) (*eventnodev1.DropDeadLettersResponse, error) {
	return serve(ctx, s, eventnodev1.ConsumerService_DropDeadLetters_FullMethodName, writes, req,
		func(ctx context.Context, p partition, req *eventnodev1.DropDeadLettersRequest) (*eventnodev1.DropDeadLettersResponse, error) {
			n, err := settleDead(ctx, p, req.GetStream(), req.GetNumbers(), false)
			return &eventnodev1.DropDeadLettersResponse{Dropped: n}, err
		})
}

func settleDead(ctx context.Context, p partition, stream *eventnodev1.StreamName, numbers []*eventnodev1.NumberRange, replay bool) (uint64, error) {
	set, err := rangesIn(numbers)
	if err != nil {
		return 0, err
	}
	id, err := deadNumber(ctx, p, nameOf(stream))
	if err != nil || id == 0 {
		return 0, err
	}
	r, err := propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_SettleDead{SettleDead: &storagev1.SettleDead{
		Stream: id, Ranges: set.Encode(), Replay: replay,
	}}})
	return r.Moved, err
}

// deadNumber is the number of the stream of a stream's dead letters; 0 if there are none
// yet.
func deadNumber(ctx context.Context, p partition, n state.Name) (uint64, error) {
	v, done, err := readNow(ctx, p)
	if err != nil {
		return 0, err
	}
	defer done()
	dead, _, err := deadOf(v, n)
	return dead.Row.GetId(), err
}
