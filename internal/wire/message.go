package wire

import (
	"bytes"
	"fmt"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// FromProto converts and validates a decoded message, off the hot path. Meta
// and Data are shared. It fails with ErrInvalidEvent.
func FromProto(m *eventnodev1.Event) (event.Event, error) {
	if len(m.GetId()) != len(event.ID{}) {
		return event.Event{}, invalidEvent("id", checkID(m.GetId()))
	}
	e := event.Event{
		ID: event.ID(m.GetId()), Name: m.GetName(), Key: m.GetKey(), Source: m.GetSource(),
		Meta: m.GetMeta(), DataType: m.GetDataType(),
	}
	if len(m.GetData()) > 0 {
		e.Data = m.GetData()
	}
	e.Time = timeOf(m.GetTimeUnixNano(), e.ID)
	if err := e.Validate(); err != nil {
		return event.Event{}, fmt.Errorf("%w: %w", eventnode.ErrInvalidEvent, err)
	}
	return e, nil
}

// ToProto converts an event, off the hot path. Meta and Data are shared; e itself
// is not kept, so that it may stay on its caller's stack.
func ToProto(e *event.Event) *eventnodev1.Event {
	return &eventnodev1.Event{
		Id: bytes.Clone(e.ID[:]), Name: e.Name, Key: e.Key, TimeUnixNano: unixNano(e), Source: e.Source,
		Meta: e.Meta, Data: e.Data, DataType: e.DataType,
	}
}
