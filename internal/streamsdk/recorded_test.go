package streamsdk

import (
	"errors"
	"slices"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// What is recorded has its topics, and stands there once; what cannot be in a stream is
// said before anything is sent.
func TestPublishRecorded(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		var list []eventnode.Delivery
		for i, name := range []string{"0", "1", "2"} {
			list = append(list, eventnode.Delivery{Topics: []string{"topic:a", "topic:b"}[:1+i%2], Event: event.New(name, []byte(name))})
		}
		first, err := w.PublishRecorded(t.Context(), "a", list[:2])
		if err != nil || first.Appended != 2 {
			t.Fatalf("%+v, %v", first, err)
		}
		again, err := w.PublishRecorded(t.Context(), "a", list)
		if err != nil || again.Appended != 1 || !slices.Equal(again.Known, []int{0, 1}) {
			t.Errorf("%+v, %v", again, err)
		}
		w.wantStream("a", "0", "1", "2")
		for ev, err := range w.Read(t.Context(), "a") {
			if i := ev.Number - 1; err != nil || !slices.Equal(ev.Topics, list[i].Topics) || ev.Event.ID != list[i].Event.ID {
				t.Errorf("%+v, %v", ev, err)
			}
		}
		list[1].Event.Meta = map[string]string{eventnode.ReservedMeta + "x": "1"}
		if err := w.CheckRecorded("a", &list[1]); !errors.Is(err, eventnode.ErrInvalidEvent) {
			t.Error(err)
		}
		requests := w.Requests()
		if _, err := w.PublishRecorded(t.Context(), "a", list); !errors.Is(err, eventnode.ErrInvalidEvent) || w.Requests() != requests {
			t.Errorf("%v, %d requests", err, w.Requests()-requests)
		}
	})
}
