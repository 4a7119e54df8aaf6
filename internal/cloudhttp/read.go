package cloudhttp

import (
	"iter"
	"net/http"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Read returns the events of a request: one, or in a batch any number up to most. Their
// Data may be a view of body.
func Read(m Mode, h http.Header, body []byte, most int) ([]event.Event, error) {
	switch m {
	case Batched:
		return readBatch(event.ParseCloudEvents(body), most)
	case ProtoBatched:
		return readBatch(event.ParseCloudEventsProto(body), most)
	case ProtoStructured:
		return one(event.ParseCloudEventProto(body))
	case Structured:
		return one(event.ParseCloudEvent(body))
	case Binary:
		attributes, err := attributesOf(h)
		if err != nil {
			return nil, err
		}
		return one(event.FromCloudEvent(attributes, body))
	}
	return nil, &UnsupportedError{"unknown mode"}
}

func one(e event.Event, err error) ([]event.Event, error) {
	if err != nil {
		return nil, err
	}
	return []event.Event{e}, nil
}

// readBatch is all or nothing.
func readBatch(events iter.Seq2[event.Event, error], most int) ([]event.Event, error) {
	var all []event.Event
	for e, err := range events {
		switch {
		case err != nil:
			return nil, err
		case len(all) == most:
			return nil, &eventnode.LimitError{Limit: "max_batch_events", Max: most}
		}
		all = append(all, e)
	}
	return all, nil
}
