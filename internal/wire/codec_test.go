package wire

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/event"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// relay answers each frame of a publisher with its envelopes, as they came.
type relay struct {
	eventnodev1.UnimplementedDispatchServiceServer
	kept [][]byte // what came, kept as a subscriber's queue does
}

func (s *relay) Subscribe(stream grpc.BidiStreamingServer[eventnodev1.SubscribeRequest, eventnodev1.SubscribeResponse]) error {
	var in, out Frame
	for {
		if err := stream.RecvMsg(&in); err != nil {
			return nil
		}
		s.kept = append(s.kept, in.Received.Data)
		_, envelopes, err := Split(in.Received.Data)
		if err != nil {
			return err
		}
		out.Head = []byte{0x08, 7}
		out.Segments = append(out.Segments[:0], Piece{})
		for rest := envelopes; len(rest) > 0; {
			var first []byte
			first, rest, _ = Cut(rest, 20_000)
			out.Segments = append(out.Segments, Piece{Data: first})
		}
		if err := stream.SendMsg(&out); err != nil {
			return err
		}
	}
}

// Dispatch shows that ordinary messages pass too.
func (s *relay) Dispatch(_ context.Context, req *eventnodev1.DispatchRequest) (*eventnodev1.DispatchResponse, error) {
	n := uint64(len(req.GetEnvelope().GetTopics()))
	return &eventnodev1.DispatchResponse{Receipt: &eventnodev1.Receipt{Reached: n}}, nil
}

func serveRelay(t testing.TB) (*relay, *grpc.ClientConn) {
	t.Helper()
	lis := bufconn.Listen(1 << 20)
	srv := grpc.NewServer(grpc.ForceServerCodecV2(NewCodec()))
	r := new(relay)
	eventnodev1.RegisterDispatchServiceServer(srv, r)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:///relay", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		srv.Stop()
		<-done
	})
	return r, conn
}

// A client without this codec sees ordinary messages; a server that splices
// bytes has not changed one, also in messages of many HTTP/2 frames, and what it
// kept is not overwritten by what came later.
func TestCodecBesideOrdinaryClient(t *testing.T) {
	relay, conn := serveRelay(t)
	client := eventnodev1.NewDispatchServiceClient(conn)
	resp, err := client.Dispatch(t.Context(), &eventnodev1.DispatchRequest{Envelope: &eventnodev1.Envelope{Topics: []string{"a", "b"}}})
	if err != nil || resp.GetReceipt().GetReached() != 2 {
		t.Fatalf("%v, %v", resp, err)
	}

	stream, err := client.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := newRand(t)
	var sent [][]byte
	for _, n := range []int{1, 3, 0, 40, 150} { // of at most 22 KB each
		msg, want := frame(t, r, n)
		sent = append(sent, msg)
		// A SubscribeRequest with envelopes as unknown fields is what the relay
		// takes apart.
		var req eventnodev1.SubscribeRequest
		if err := proto.Unmarshal(msg, &req); err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&req); err != nil {
			t.Fatal(err)
		}
		got, err := stream.Recv()
		if err != nil || got.GetSubscription() != 7 || !proto.Equal(&eventnodev1.SubscribeResponse{Envelopes: got.GetEnvelopes()}, want) {
			t.Fatalf("%d envelopes came back as %d (%v)", n, len(got.GetEnvelopes()), err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for i, b := range relay.kept {
		if !bytes.Equal(b, sent[i]) {
			t.Fatalf("message %d, %d bytes, has changed since it came", i, len(b))
		}
	}
}

func frame(t *testing.T, r *rand.Rand, n int) ([]byte, *eventnodev1.SubscribeResponse) {
	var data []byte
	var want eventnodev1.SubscribeResponse
	for range n {
		e := randomEvent(r)
		data = AppendEnvelope(data, []string{"topic:a"}, &e)
	}
	if err := proto.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	return data, &want
}

func TestCodecSharesWhatIsSent(t *testing.T) {
	f := Frame{Head: []byte("head"), Segments: []Piece{{}, {Data: []byte("one")}, {Data: []byte{}}, {Data: []byte("two")}}}
	out, err := NewCodec().Marshal(&f)
	if err != nil || out.Len() != f.Len() || string(out.Materialize()) != "headonetwo" {
		t.Fatalf("%q (%v)", out.Materialize(), err)
	}
	if len(out) != 3 || &out[1].ReadOnlyData()[0] != &f.Segments[1].Data[0] {
		t.Fatalf("%d buffers: empty ones or copies", len(out))
	}
	f.Segments[1] = Piece{Data: []byte("used again")}
	if string(out.Materialize()) != "headonetwo" {
		t.Fatal("Segments cannot be used again")
	}
}

// gRPC takes its buffers back after Unmarshal; what the frame holds is its own.
func TestCodecOwnsWhatIsReceived(t *testing.T) {
	pool := mem.DefaultBufferPool()
	for _, n := range []int{0, 10, 5000, 40_000} {
		want := bytes.Repeat([]byte("x"), n)
		var in mem.BufferSlice
		for part := range slices.Chunk(want, 16<<10) {
			in = append(in, mem.Copy(part, pool))
		}
		var f Frame
		if err := NewCodec().Unmarshal(in, &f); err != nil {
			t.Fatal(err)
		}
		for _, b := range in {
			clear(b.ReadOnlyData())
		}
		in.Free()
		if !bytes.Equal(f.Received.Data, want) || cap(f.Received.Data)-len(f.Received.Data) > n/4 {
			t.Fatalf("%d bytes of %d, capacity %d", len(f.Received.Data), n, cap(f.Received.Data))
		}
	}
}

func TestCodecErrors(t *testing.T) {
	c := NewCodec()
	if c.Name() != "proto" {
		t.Errorf("name %q", c.Name())
	}
	if _, err := c.Marshal(7); err == nil {
		t.Error("encoded a number")
	}
	if err := c.Unmarshal(mem.BufferSlice{mem.SliceBuffer{0xff}}, new(eventnodev1.Event)); err == nil {
		t.Error("decoded garbage")
	}
}

func BenchmarkCodec(b *testing.B) {
	e := event.Event{ID: fixedID, Name: "n", Data: make([]byte, 100)}
	record := AppendEnvelope(nil, []string{"topic:a"}, &e)
	f := Frame{Head: []byte{0x08, 7}, Segments: slices.Repeat([]Piece{{Data: record}}, 500)}
	c := NewCodec()
	b.Run("marshal 500 segments", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(f.Len()))
		for b.Loop() {
			if _, err := c.Marshal(&f); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("unmarshal", func(b *testing.B) {
		in, _ := c.Marshal(&f)
		b.ReportAllocs()
		b.SetBytes(int64(f.Len()))
		for b.Loop() {
			var got Frame
			if err := c.Unmarshal(in, &got); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Memory is used again when the last one has let go, and not before; who never
// lets go keeps it.
func TestCountedMemory(t *testing.T) {
	message := func(fill byte) mem.BufferSlice {
		return mem.BufferSlice{mem.SliceBuffer(bytes.Repeat([]byte{fill}, 3<<10)), mem.SliceBuffer(bytes.Repeat([]byte{fill}, 3<<10))}
	}
	receive := func(fill byte) Piece {
		f := Frame{Counted: true}
		if err := NewCodec().Unmarshal(message(fill), &f); err != nil {
			t.Fatal(err)
		}
		return f.Received
	}
	p := receive('a')
	if p.Kept() != 8<<10 || len(p.Data) != 6<<10 {
		t.Fatalf("%d bytes of %d", len(p.Data), p.Kept())
	}
	part := Piece{Data: p.Data[:5<<10], Mem: p.Mem}
	part.Hold() // as SendMsg's
	f := Frame{Head: []byte("head"), Segments: []Piece{part, {Data: []byte("more")}}}
	out, err := NewCodec().Marshal(&f)
	if err != nil {
		t.Fatal(err)
	}
	p.Release()
	for range 100 { // none of these may be p's memory
		receive('b').Release()
	}
	if got := out.Materialize(); string(got) != "head"+strings.Repeat("a", 5<<10)+"more" {
		t.Fatal("memory was used again before it was written")
	}
	if got := p.Mem.refs.Load(); got != 1 {
		t.Fatalf("held %d times, want once: by gRPC", got)
	}
	out.Free()
	if got := p.Mem.refs.Load(); got != 0 {
		t.Fatalf("held %d times after it was written", got)
	}
	if small := (Frame{Counted: true}); NewCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer("small")}, &small) != nil || small.Received.Kept() != 5 {
		t.Error("a small message is not of its own size")
	} else {
		small.Received.Hold()
		small.Received.Release()
		small.Received.Release()
	}
}
