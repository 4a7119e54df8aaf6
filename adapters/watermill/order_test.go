package watermill_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/eventnode/eventnode/adapters/watermill"
)

// Of several exclusive subscriptions one has all messages, in order, until it ends.
func exclusive(t *testing.T, w *world) {
	topic := w.topic()
	p := w.publisher(t, watermill.PublisherConfig{})
	subs := map[int]*watermill.Subscriber{}
	type received struct {
		by   int
		uuid string
	}
	all := make(chan received)
	for i := range 3 {
		subs[i] = w.subscriber(t, watermill.SubscriberConfig{Group: "g", Exclusive: true})
		c := subscribe(t, subs[i], topic)
		go func() {
			for m := range c {
				all <- received{i, m.UUID}
				m.Ack()
			}
		}()
	}
	for turn := range 3 {
		by := -1
		for i := range 20 {
			uuid := fmt.Sprint(turn, " ", i)
			publish(t, p, topic, uuid)
			r := <-all
			if by < 0 {
				by = r.by
			}
			if r.uuid != uuid || r.by != by {
				t.Fatalf("%+v, want %q by %d", r, uuid, by)
			}
		}
		must(t, subs[by].Close())
	}
}

// In a keyed group the messages of a key keep their order over several subscribers, although
// handlers fail.
func orderOfKeys(t *testing.T, w *world) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	const all, keys = 200, 10
	topic := w.topic()
	keyed := soon()
	keyed.Keyed = true
	var channels []<-chan *message.Message
	for range 3 {
		s := w.subscriber(t, watermill.SubscriberConfig{Group: "g", GroupConfig: keyed, NackDelay: time.Millisecond})
		channels = append(channels, subscribe(t, s, topic))
	}
	p := w.publisher(t, watermill.PublisherConfig{Key: func(_ string, m *message.Message) string { return string(m.Payload) }})
	for i := range all {
		must(t, p.Publish(topic, message.NewMessage(fmt.Sprint(i/keys), fmt.Append(nil, i%keys))))
	}
	late := time.After(patience)
	due := map[string]int{}
	for handled := 0; handled < all; {
		var m *message.Message
		select {
		case m = <-channels[0]:
		case m = <-channels[1]:
		case m = <-channels[2]:
		case <-late:
			t.Fatalf("%d of %d were handled", handled, all)
		}
		key := m.Metadata[watermill.MetadataKey]
		if want := fmt.Sprint(due[key]); m.UUID != want {
			t.Fatalf("key %s: message %s, want %s", key, m.UUID, want)
		}
		if rnd.IntN(4) == 0 {
			m.Nack()
			continue
		}
		due[key]++
		handled++
		m.Ack()
	}
}
