package encoding

import (
	"fmt"
	"testing"
)

// What it costs a client to read an event.
func BenchmarkReader(b *testing.B) {
	for _, f := range formats {
		for _, c := range compressions {
			b.Run(fmt.Sprint(f, "/", c), func(b *testing.B) {
				w, read, e := NewWriter(f, c), NewReader(f, c, MaxPayload), chatEvent()
				var message []byte
				b.ReportAllocs()
				for seq := uint64(1); b.Loop(); seq++ {
					message, _ = w.Event(message[:0], seq, e)
					if _, _, err := read.Read(message); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
