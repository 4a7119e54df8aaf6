package watermill

import (
	"context"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/eventnode/eventnode/event"
)

// A UUID that is one is the event's ID, and is stored once; any other text gives an ID,
// always the same one.
func TestUUIDs(t *testing.T) {
	const canonical = "0f5a7d1c-8f0e-4b57-8d11-6a2a2f9c3e10"
	for _, test := range []struct {
		uuid string
		id   string // "": one that is made of it
		meta bool
	}{
		{uuid: canonical, id: canonical},
		{uuid: strings.ToUpper(canonical), id: canonical, meta: true},
		{uuid: "00000000-0000-0000-0000-000000000000", meta: true},
		{uuid: "order 42", meta: true},
	} {
		ev, err := toEvent(message.NewMessage(test.uuid, nil), "name")
		if err != nil {
			t.Fatal(err)
		}
		again, _ := toEvent(message.NewMessage(test.uuid, []byte("other")), "name")
		if ev.ID != again.ID || test.id != "" && ev.ID.String() != test.id {
			t.Errorf("%q: ID %s, then %s", test.uuid, ev.ID, again.ID)
		}
		if got, ok := ev.Meta[event.MetaOriginalID]; ok != test.meta || ok && got != test.uuid {
			t.Errorf("%q: meta %q", test.uuid, ev.Meta)
		}
		if ev.Time.IsZero() {
			t.Errorf("%q: no time", test.uuid)
		}
		if back := toMessage(&ev); back.UUID != test.uuid {
			t.Errorf("%q came back as %q", test.uuid, back.UUID)
		}
	}
	one, _ := toEvent(message.NewMessage("", nil), "name")
	other, _ := toEvent(message.NewMessage("", nil), "name")
	if one.ID == other.ID || toMessage(&one).UUID != "" {
		t.Errorf("two messages without UUID: %s and %s, %q", one.ID, other.ID, toMessage(&one).UUID)
	}
}

// Of a message that is published its own metadata stays as it is.
func TestMetadataIsNotTouched(t *testing.T) {
	m := message.NewMessage("x", nil)
	m.Metadata[MetadataKey] = "k"
	ev, err := toEvent(m, "name")
	if err != nil || ev.Key != "k" || ev.Meta[MetadataKey] != "" {
		t.Errorf("%+v, %v", ev, err)
	}
	if len(m.Metadata) != 1 || m.Metadata[MetadataKey] != "k" {
		t.Errorf("%q", m.Metadata)
	}
}

// What did not come from here has no delivery.
func TestNotReceived(t *testing.T) {
	if d, ok := Received(context.Background()); ok {
		t.Errorf("%+v", d)
	}
}

// Whatever a message says comes back, or the message is refused.
func FuzzMessage(f *testing.F) {
	f.Add("", "", "", "", []byte(nil))
	f.Add("0F5A7D1C-8F0E-4B57-8D11-6A2A2F9C3E10", "a", "b", "key", []byte("payload"))
	f.Add("order 42", MetadataKey, "k", "", []byte{0, 255})
	f.Add("x", event.MetaOriginalID, "y", "z", []byte("{}"))
	f.Fuzz(func(t *testing.T, uuid, name, value, key string, payload []byte) {
		m := message.NewMessage(uuid, payload)
		m.Metadata[name] = value
		if key != "" {
			m.Metadata[MetadataKey] = key
		}
		ev, err := toEvent(m, "name")
		if err != nil {
			if name != event.MetaOriginalID {
				t.Fatal(err)
			}
			return
		}
		if ev.Validate() != nil {
			return
		}
		if back := toMessage(&ev); !m.Equals(back) {
			t.Errorf("%q %q %q came back as %q %q %q", m.UUID, m.Metadata, m.Payload, back.UUID, back.Metadata, back.Payload)
		}
	})
}
