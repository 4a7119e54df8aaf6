package watermill

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// MetadataKey is the key in a message's metadata of its ordering key, event.Event.Key.
const MetadataKey = "partitionkey"

// toEvent makes an event of a message. It shares the payload.
func toEvent(m *message.Message, name string) (event.Event, error) {
	meta := maps.Clone(map[string]string(m.Metadata))
	if _, taken := meta[event.MetaOriginalID]; taken {
		return event.Event{}, &event.InvalidError{Field: "meta", Reason: fmt.Sprintf(
			"has the key %q, which is for a UUID that is no event ID", event.MetaOriginalID)}
	}
	key := meta[MetadataKey]
	if key != "" {
		delete(meta, MetadataKey)
	}
	id, original := idOf(m.UUID)
	if !original {
		if meta == nil {
			meta = map[string]string{}
		}
		meta[event.MetaOriginalID] = m.UUID
	}
	opts := []event.Option{event.WithID(id), event.WithKey(key), event.WithMeta(meta)}
	if event.TimeOf(id).IsZero() {
		opts = append(opts, event.WithTime(time.Now()))
	}
	return event.New(name, m.Payload, opts...), nil
}

// idOf is the ID of an event for a message's UUID, and reports whether it is the same. One
// that is empty stands for no message in particular.
func idOf(uuid string) (id event.ID, same bool) {
	id, err := event.ParseID(uuid)
	switch {
	case err == nil:
		return id, id.String() == uuid
	case uuid == "":
		return event.NewID(), false
	}
	return event.NamedID("", uuid), false
}

// toMessage is the inverse of toEvent. It shares the data.
func toMessage(ev *event.Event) *message.Message {
	uuid, other := ev.Meta[event.MetaOriginalID]
	if !other {
		uuid = ev.ID.String()
	}
	m := message.NewMessage(uuid, ev.Data)
	for key, value := range ev.Meta {
		if key != event.MetaOriginalID {
			m.Metadata[key] = value
		}
	}
	if ev.Key != "" {
		m.Metadata[MetadataKey] = ev.Key
	}
	return m
}

// Delivery is what is known of a message beyond itself.
type Delivery struct {
	// Stream and Position are where it stands.
	Stream   string
	Position eventnode.Position
	// Deliveries is how often it was delivered, this time counted.
	Deliveries int
	// Event is the event; nobody may change it.
	Event event.Event
}

// deliveryKey is where a context has a Delivery.
type deliveryKey struct{}

// Received returns what is known of the message with this context; false if it did not
// come from a Subscriber of this package.
func Received(ctx context.Context) (Delivery, bool) {
	d, ok := ctx.Value(deliveryKey{}).(*Delivery)
	if !ok {
		return Delivery{}, false
	}
	return *d, true
}
