package catchup

import (
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// BenchmarkLive is what an event costs that arrives and is received.
func BenchmarkLive(b *testing.B) {
	s := newStory(b, Config{})
	evs := make([]eventnode.Delivery, 1<<20)
	for i := range evs {
		evs[i] = eventnode.Delivery{Topics: []string{topic}, Event: made("x")}
	}
	i := 0
	for b.Loop() {
		s.now = s.now.Add(time.Microsecond)
		s.Arrive(s.now, evs[i%len(evs)])
		if i%1024 == 0 {
			s.mark()
		}
		s.Take()
		i++
	}
}
