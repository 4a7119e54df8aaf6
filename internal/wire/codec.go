package wire

import (
	"fmt"
	"strings"
	"unsafe"

	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// Frame is a message that passes through gRPC as bytes.
type Frame struct {
	// Head is sent first: the encoded fields other than envelopes.
	Head []byte
	// Segments follow: each a run of encoded envelope fields. gRPC reads Head
	// and Segments after SendMsg has returned, without copying them first:
	// their bytes must never change again. SendMsg takes one hold of each over.
	// The slice itself may be used again.
	Segments []Piece

	// Own, if set, is sent last: a block from NewBlock, which SendMsg takes over.
	Own *[]byte

	// Received is a received message, which may be kept and sent on. If Counted
	// was set before, the receiver holds it once.
	Received Piece
	// Counted asks for counted memory: for receivers that release it.
	Counted bool
}

// Len is the number of bytes that sending the frame sends.
func (f *Frame) Len() int {
	n := len(f.Head)
	for _, s := range f.Segments {
		n += len(s.Data)
	}
	if f.Own != nil {
		n += len(*f.Own)
	}
	return n
}

// Codec is gRPC's "proto" codec, which also takes a *Frame where a message is
// expected. Use it with grpc.ForceServerCodecV2 and grpc.ForceCodecV2.
type Codec struct {
	messages encoding.CodecV2
}

var _ encoding.CodecV2 = Codec{}

// NewCodec makes a Codec.
func NewCodec() Codec {
	return Codec{messages: encoding.GetCodecV2(protocodec.Name)}
}

// Name is "proto", so that any gRPC peer understands what is sent.
func (Codec) Name() string { return protocodec.Name }

// Marshal hands a frame's bytes to gRPC without copying them, and encodes any
// other message.
func (c Codec) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*Frame)
	if !ok {
		out, err := c.messages.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		return out, nil
	}
	return f.buffers(), nil
}

// Unmarshal copies the message into a frame's Received, or decodes it.
func (c Codec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*Frame)
	if !ok {
		if err := c.messages.Unmarshal(data, v); err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		return nil
	}
	if f.Counted {
		f.Received = gatherCounted(data)
	} else {
		f.Received = Piece{Data: gather(data)}
	}
	return nil
}

// gather copies a message into memory of its own: one exactly sized allocation
// and one copy. gRPC takes its buffers (16 KiB each for a large message) back
// afterwards, so keeping them would mean counting references for as long as any
// subscriber's queue holds an event of the frame. A strings.Builder is the one
// way to have memory that is not cleared before it is written.
func gather(data mem.BufferSlice) []byte {
	var b strings.Builder
	b.Grow(data.Len())
	for _, part := range data {
		b.Write(part.ReadOnlyData())
	}
	s := b.String()
	return unsafe.Slice(unsafe.StringData(s), len(s)) // never written again, as a string's
}

// buffers describes the frame to gRPC in two allocations, however many segments
// there are: a mem.Buffer made of a slice value would cost one each.
func (f *Frame) buffers() mem.BufferSlice {
	if len(f.Head) == 0 && len(f.Segments) == 0 && f.Own != nil {
		return mem.BufferSlice{mem.NewBuffer(f.Own, &blocks)}
	}
	parts := make([]mem.SliceBuffer, 0, 1+len(f.Segments))
	out := make(mem.BufferSlice, 0, len(f.Segments)+2)
	add := func(b []byte, m *Memory) {
		if len(b) == 0 {
			return
		}
		parts = append(parts, b)
		p := &parts[len(parts)-1]
		if !m.counted() {
			out = append(out, p)
			return
		}
		out = append(out, mem.NewBuffer((*[]byte)(p), (*releaser)(m)))
	}
	add(f.Head, nil)
	for _, s := range f.Segments {
		add(s.Data, s.Mem)
	}
	if f.Own != nil {
		out = append(out, mem.NewBuffer(f.Own, &blocks))
	}
	return out
}
