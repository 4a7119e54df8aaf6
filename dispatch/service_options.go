package dispatch

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/convert"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// maxReceiptTimeout bounds how long a client may have a receipt gathered.
const maxReceiptTimeout = 5 * time.Minute

// duration checks what a client sent; absent is 0.
func duration(field string, d *durationpb.Duration, limit time.Duration) (time.Duration, error) {
	if d == nil {
		return 0, nil
	}
	v := d.AsDuration()
	if err := d.CheckValid(); err != nil || v < 0 {
		return 0, fmt.Errorf("%s is negative or no duration: %w", field, eventnode.ErrInvalidArgument)
	}
	if v > limit {
		return 0, &eventnode.LimitError{Limit: "max_" + field + "_ms", Max: int(limit.Milliseconds()), Got: int(v.Milliseconds())}
	}
	return v, nil
}

// receiptTimeout is how long to gather a receipt; 0 is the default.
func receiptTimeout(d *durationpb.Duration) (time.Duration, error) {
	return duration("receipt_timeout", d, maxReceiptTimeout)
}

// openOptions reads what a client wants of a subscription.
func (d *Dispatcher) openOptions(open *eventnodev1.OpenSubscription) ([]eventnode.SubscribeOption, error) {
	policy, err := convert.PolicyFromProto(open.GetPolicy())
	if err != nil {
		return nil, err
	}
	maxBlock, err := duration("block", open.GetMaxBlock(), d.cfg.MaxBlock)
	if err != nil {
		return nil, err
	}
	if b := open.GetQueueBytes(); b > uint64(d.cfg.MaxQueueBytes) {
		return nil, &eventnode.LimitError{Limit: "max_queue_bytes", Max: d.cfg.MaxQueueBytes, Got: int(min(b, 1<<62))}
	}
	return []eventnode.SubscribeOption{
		eventnode.WithPolicy(policy),
		eventnode.WithQueue(int(open.GetQueueEvents()), int(open.GetQueueBytes())),
		eventnode.WithMaxBlock(maxBlock),
		eventnode.WithHolder(open.GetHolder()),
		eventnode.WithQueueGroup(open.GetQueueGroup()),
		eventnode.WithFilter(convert.FilterFromProto(open.GetFilter())),
	}, nil
}
