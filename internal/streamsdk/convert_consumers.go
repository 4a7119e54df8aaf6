package streamsdk

import (
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// noBound is the max_deliver that is no bound.
const noBound = math.MaxUint32

func groupConfigToProto(c eventnode.ConsumerGroupConfig) (*eventnodev1.ConsumerGroupConfig, error) {
	m := &eventnodev1.ConsumerGroupConfig{Keyed: c.Keyed, AckWait: duration(c.AckWait), Backoff: duration(c.Backoff), BackoffMax: duration(c.BackoffMax)}
	switch {
	case c.MaxDeliver == eventnode.NoMaxDeliver:
		m.MaxDeliver = noBound
	case c.MaxDeliver < 0 || int64(c.MaxDeliver) >= noBound:
		return nil, fmt.Errorf("max deliver %d: use a number from 1 on, or NoMaxDeliver: %w", c.MaxDeliver, eventnode.ErrInvalidArgument)
	default:
		m.MaxDeliver = uint32(c.MaxDeliver)
	}
	return m, nil
}

func groupConfigFromProto(m *eventnodev1.ConsumerGroupConfig) eventnode.ConsumerGroupConfig {
	c := eventnode.ConsumerGroupConfig{
		Keyed: m.GetKeyed(), AckWait: m.GetAckWait().AsDuration(), MaxDeliver: eventnode.NoMaxDeliver,
		Backoff: m.GetBackoff().AsDuration(), BackoffMax: m.GetBackoffMax().AsDuration(),
	}
	if m.GetMaxDeliver() != noBound {
		c.MaxDeliver = int(m.GetMaxDeliver())
	}
	return c
}

// placeToProto is nil for the oldest event.
func placeToProto(p eventnode.StartPlace) (*eventnodev1.StartPlace, error) {
	m, places := &eventnodev1.StartPlace{}, 0
	if p.Newest {
		places++
		m.Place = &eventnodev1.StartPlace_Newest{Newest: true}
	}
	if p.At != nil {
		places++
		m.Place = &eventnodev1.StartPlace_Position{Position: positionToProto(*p.At)}
	}
	if !p.Since.IsZero() {
		places++
		m.Place = &eventnodev1.StartPlace_Time{Time: timestamppb.New(p.Since)}
	}
	switch places {
	case 0:
		return nil, nil
	case 1:
		return m, nil
	}
	return nil, fmt.Errorf("more than one of newest, at and since: %w", eventnode.ErrInvalidArgument)
}

func groupFromProto(stream string, d *eventnodev1.ConsumerGroupDescription, now *timestamppb.Timestamp) eventnode.ConsumerGroupInfo {
	g := eventnode.ConsumerGroupInfo{
		Stream: stream, Name: d.GetGroup(), Config: groupConfigFromProto(d.GetConfig()), Created: timeFromProto(d.GetCreated()),
		Lag: d.GetLag(), Pending: d.GetPending(), Ready: d.GetReady(), Waiting: d.GetWaiting(),
		LastDelivered: d.GetLastDelivered(), LastPosition: positionFromProto(d.GetLastDeliveredPosition()), LastDelivery: timeFromProto(d.GetDelivered()),
		LowestPending: d.GetLowestPending(), LowestPosition: positionFromProto(d.GetLowestPendingPosition()),
		LowestDelivered: timeFromProto(d.GetLowestPendingDelivered()), ConsumerCount: int(d.GetConsumerCount()), Now: timeFromProto(now),
	}
	for _, c := range d.GetConsumers() {
		g.Consumers = append(g.Consumers, eventnode.ConsumerInfo{
			Number: int(c.GetConsumer()), Held: len(c.GetHolder()) > 0, Connected: c.GetConnected(),
			Epoch: c.GetEpoch(), Granted: timeFromProto(c.GetGranted()), Pending: c.GetPending(),
		})
	}
	return g
}

// timeFromProto is the zero time for an absent one.
func timeFromProto(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func pendingFromProto(m *eventnodev1.PendingEntry) eventnode.PendingEntry {
	e := eventnode.PendingEntry{
		First: positionFromProto(m.GetFirst()), Place: pendingPlace(m.GetPlace()), Consumer: int(m.GetConsumer()), Deliveries: int(m.GetDeliveries()),
		Delivered: timeFromProto(m.GetDelivered()), Due: timeFromProto(m.GetDue()), Reason: m.GetReason(),
	}
	for _, r := range m.GetNumbers() {
		e.Numbers = append(e.Numbers, eventnode.NumberRange{From: r.GetFrom(), To: r.GetTo()})
		e.Count += r.GetTo() - r.GetFrom() + 1
	}
	return e
}

func pendingPlace(p eventnodev1.PendingPlace) eventnode.PendingPlace {
	switch p {
	case eventnodev1.PendingPlace_PENDING_PLACE_READY:
		return eventnode.PendingReady
	case eventnodev1.PendingPlace_PENDING_PLACE_WAITING:
		return eventnode.PendingWaiting
	case eventnodev1.PendingPlace_PENDING_PLACE_DYING:
		return eventnode.PendingDying
	case eventnodev1.PendingPlace_PENDING_PLACE_UNSPECIFIED, eventnodev1.PendingPlace_PENDING_PLACE_HELD:
	}
	return eventnode.PendingHeld
}

func letterFromProto(stream string, m *eventnodev1.DeadLetter) (eventnode.DeadLetter, error) {
	l := eventnode.DeadLetter{
		Number: m.GetNumber(), Died: timeFromProto(m.GetDied()), Reason: m.GetReason(), Group: m.GetGroup(), Deliveries: int(m.GetDeliveries()),
	}
	ev, err := wire.FromProto(m.GetEvent())
	if err != nil {
		return l, fmt.Errorf("dead letter %d of stream %.255q: %w", m.GetNumber(), stream, err)
	}
	at, err := eventnode.ParsePosition(m.GetPosition())
	if err != nil {
		return l, fmt.Errorf("dead letter %d of stream %.255q: %w", m.GetNumber(), stream, err)
	}
	l.Event = eventnode.StreamEvent{Stream: stream, Position: at, Event: ev}
	return l, nil
}

// milliseconds is a duration in whole milliseconds, more than 0.
func milliseconds(what string, d time.Duration) (*durationpb.Duration, error) {
	if d < time.Millisecond || d%time.Millisecond != 0 {
		return nil, fmt.Errorf("%s %v: it must be higher than zero, in whole milliseconds: %w", what, d, eventnode.ErrInvalidArgument)
	}
	return durationpb.New(d), nil
}
