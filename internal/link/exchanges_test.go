package link

import (
	"bytes"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/internal/wire"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// onWire is what a frame puts on the wire.
func onWire(tb testing.TB, f *wire.Frame) []byte {
	tb.Helper()
	out, err := wire.NewCodec().Marshal(f)
	if err != nil {
		tb.Fatal(err)
	}
	defer out.Free()
	return out.Materialize()
}

// What gathers goes as one message, which any protobuf library reads.
func TestExchanges_Gather(t *testing.T) {
	q := newExchanges(100)
	for i := range 50 {
		q.put(hash(i))
	}
	msg := onWire(t, q.take())
	m := new(clusterv1.ControlRequest)
	if err := proto.Unmarshal(msg, m); err != nil {
		t.Fatal(err)
	}
	for i, e := range m.GetExchanges() {
		if e.GetHash().GetSum() != uint64(i) {
			t.Fatal(i, e)
		}
	}
	read, err := decodeExchanges(msg, nil)
	if len(m.GetExchanges()) != 50 || len(read) != 50 || err != nil || !bytes.Equal(read[7], hash(7)) {
		t.Fatal(len(m.GetExchanges()), len(read), err)
	}
	if q.take() != nil || q.bytes != 0 {
		t.Fatal("something is left")
	}
	// One that stands alone, as a kind of its own, is read as well.
	single, err := proto.Marshal(&clusterv1.ControlRequest{Message: &clusterv1.ControlRequest_Exchange{Exchange: m.GetExchanges()[3]}})
	if err != nil {
		t.Fatal(err)
	}
	if read, err = decodeExchanges(single, nil); len(read) != 1 || err != nil || !bytes.Equal(read[0], hash(3)) {
		t.Fatal(read, err)
	}
}

// The queue is bounded in messages and bytes; frames are bounded, and a message
// of any size goes through; order is kept however puts and takes alternate.
func TestExchanges_Bounds(t *testing.T) {
	q := newExchanges(10)
	for i := range 12 {
		if q.put(hash(i)) != (i < 10) {
			t.Fatal(i)
		}
	}
	q.take()
	big := make([]byte, exchangesBytes+1)
	if !q.put(big) || q.put(hash(1)) {
		t.Fatal("a message alone must be taken, whatever its size, and be all")
	}
	if f := q.take(); f.Own != nil || len(f.Segments) != 1 || &f.Segments[0].Data[0] != &big[0] {
		t.Fatal("a large message was copied")
	}

	q = newExchanges(1 << 20)
	next, got := 0, 0
	for round := range 200 {
		for range 37 * (round % 5) {
			q.put(fmt.Appendf(make([]byte, 0, 3000), "%03000d", next))
			next++
		}
		for range round % 3 {
			f := q.take()
			if f == nil {
				continue
			}
			msgs, err := decodeExchanges(onWire(t, f), nil)
			if err != nil {
				t.Fatal(err)
			}
			size := 0
			for _, m := range msgs {
				if string(m) != fmt.Sprintf("%03000d", got) {
					t.Fatalf("%s comes as number %d", m, got)
				}
				got++
				size += len(m)
			}
			if size > exchangesFrame {
				t.Fatalf("a frame of %d bytes", size)
			}
		}
	}
	if got == 0 || got > next {
		t.Fatal(got, next)
	}
}

func FuzzDecodeExchanges(f *testing.F) {
	q := newExchanges(2)
	q.put(hash(1))
	q.put(hash(2))
	f.Add(onWire(f, q.take()))
	f.Fuzz(func(t *testing.T, msg []byte) {
		msgs, err := decodeExchanges(msg, nil)
		m := new(clusterv1.ControlRequest)
		if proto.Unmarshal(msg, m) == nil && (err != nil || len(msgs) < len(m.GetExchanges())) {
			t.Fatalf("the library reads %d, %v", len(m.GetExchanges()), err)
		}
	})
}

func BenchmarkExchanges(b *testing.B) {
	q, msg := newExchanges(1<<16), make([]byte, 60)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q.put(msg)
		if i%64 == 63 {
			f := q.take()
			out, err := wire.NewCodec().Marshal(f)
			if err != nil {
				b.Fatal(err)
			}
			out.Free()
		}
	}
}
