package encoding

import (
	"fmt"
	"testing"

	"github.com/eventnode/eventnode/sessions"
)

// What an event costs for one more session, when it was encoded for another one.
func BenchmarkEventShared(b *testing.B) {
	for _, f := range formats {
		for _, c := range compressions {
			b.Run(fmt.Sprint(f, "/", c), func(b *testing.B) {
				e, w, room := chatEvent(), NewWriter(f, c), make([]byte, 0, 4096)
				var message []byte
				b.ReportAllocs()
				for seq := uint64(100_000); b.Loop(); seq++ {
					message, _ = w.Event(room, seq, e)
				}
				b.ReportMetric(float64(len(message)), "bytes/message")
			})
		}
	}
}

// What an event costs for the first session that gets it.
func BenchmarkEventFirst(b *testing.B) {
	for _, f := range formats {
		for _, c := range compressions {
			b.Run(fmt.Sprint(f, "/", c), func(b *testing.B) {
				e, w, room := chatEvent(), NewWriter(f, c), make([]byte, 0, 4096)
				b.ReportAllocs()
				for b.Loop() {
					_, _ = w.Event(room, 1, &sessions.Event{Type: e.Type, Data: e.Data})
				}
			})
		}
	}
}

// What is read of a client: a heartbeat.
func BenchmarkDecode(b *testing.B) {
	for _, f := range formats {
		b.Run(f.String(), func(b *testing.B) {
			beat, _ := NewWriter(f, None).Control(nil, 1, 251)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Decode(f, beat)
			}
		})
	}
}
