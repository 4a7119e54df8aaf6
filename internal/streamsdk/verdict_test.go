package streamsdk

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// What an answer means, when the batch was never sent before, and when it may have
// been appended already.
func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		err         error
		first, then verdict
	}{
		{nil, done, done},
		{eventnode.ErrOutcomeUnknown, repeatUnknown, repeatUnknown},
		{context.Canceled, repeatUnknown, repeatUnknown},
		{context.DeadlineExceeded, repeatUnknown, repeatUnknown},
		{eventnode.ErrUnavailable, repeat, repeat},
		{eventnode.ErrStreamFull, refused, refused},
		{eventnode.ErrWrongLast, refused, refused},
		{eventnode.ErrStreamNotFound, refusedUnseen, refusedUnseen},
		{eventnode.ErrLimit, refusedUnseen, refusedUnseen},
		{eventnode.ErrInvalidEvent, refusedUnseen, refusedUnseen},
		{eventnode.ErrStorageFull, refusedUnseen, unclear},
		{eventnode.ErrPermissionDenied, refusedLost, unclear},
		{eventnode.ErrBadSequence, renumber, unclear},
		{errors.New("INTERNAL"), refusedLost, unclear},
	} {
		err := apierr.FromReason(apierr.Reason(tt.err), "words", apierr.Details(tt.err))
		if got := judge(err, false, false); got != tt.first {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.first)
		}
		if got := judge(err, true, false); got != tt.then {
			t.Errorf("%v, sent before: %d, want %d", tt.err, got, tt.then)
		}
	}
	if got := judge(eventnode.ErrBadSequence, false, true); got != refusedLost {
		t.Errorf("bad sequence twice: %d", got)
	}
}

// The answer to a batch is divided as its events are.
func TestShares(t *testing.T) {
	at := func(seq uint64) eventnode.Position { return eventnode.Position{MS: 5, Seq: seq} }
	batchOf := func(counts ...int) *batch {
		b := &batch{}
		for _, n := range counts {
			b.add(&call{count: n})
		}
		return b
	}
	for _, tt := range []struct {
		b        *batch
		appended uint32
		known    []uint32
		want     []eventnode.Published
	}{
		{batchOf(1), 1, nil, []eventnode.Published{{First: at(7), Appended: 1}}},
		{batchOf(2, 1, 3), 6, nil, []eventnode.Published{{First: at(7), Appended: 2}, {First: at(9), Appended: 1}, {First: at(10), Appended: 3}}},
		{batchOf(2, 1, 3), 3, []uint32{0, 2, 4}, []eventnode.Published{
			{First: at(7), Appended: 1, Known: []int{0}}, {Known: []int{0}}, {First: at(8), Appended: 2, Known: []int{1}},
		}},
		{batchOf(1, 1), 0, []uint32{0, 1}, []eventnode.Published{{Known: []int{0}}, {Known: []int{0}}}},
		{batchOf(2), 1, nil, nil},
		{batchOf(2), 0, []uint32{1, 0}, nil},
		{batchOf(2), 0, []uint32{1, 2}, nil},
		{batchOf(1), 1 << 31, nil, nil},
	} {
		r := &eventnodev1.PublishResult{Appended: tt.appended, Known: tt.known}
		if tt.appended > 0 {
			r.First = positionToProto(at(7))
		}
		got, ok := tt.b.shares(r)
		if ok != (tt.want != nil) || ok && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%d of %d, known %v: %+v, %v", tt.appended, tt.b.count, tt.known, got, ok)
		}
	}
}

// What may have been appended is never said not to have been.
func TestPerhaps(t *testing.T) {
	err := perhaps(fmt.Errorf("gone: %w", eventnode.ErrUnavailable))
	if !errors.Is(err, eventnode.ErrOutcomeUnknown) || errors.Is(err, eventnode.ErrUnavailable) {
		t.Error(err)
	}
	if err = perhaps(eventnode.ErrBadSequence); !errors.Is(err, eventnode.ErrOutcomeUnknown) || !errors.Is(err, eventnode.ErrBadSequence) {
		t.Error(err)
	}
}
