package edge

import (
	"encoding/binary"
	"fmt"

	"github.com/gobwas/ws"
)

// frame is a frame of a server, whole and not masked.
type frame struct {
	op   ws.OpCode
	data []byte
}

// maxFrame bounds what a client takes, in bytes.
const maxFrame = 4 << 20

// nextFrame cuts the first frame from what was read. Not ok: there is more to come.
func nextFrame(b []byte) (f frame, rest []byte, ok bool, err error) {
	if len(b) < 2 {
		return f, b, false, nil
	}
	if b[0]&0xf0 != 0x80 || b[1]&0x80 != 0 {
		return f, b, false, fmt.Errorf("a frame begins with %x: in fragments, compressed or masked", b[:2])
	}
	size, head := uint64(b[1]), 2
	switch {
	case size == 126 && len(b) >= 4:
		size, head = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case size == 127 && len(b) >= 10:
		size, head = binary.BigEndian.Uint64(b[2:]), 10
	case size >= 126:
		return f, b, false, nil
	}
	if size > maxFrame {
		return f, b, false, fmt.Errorf("a frame of %d bytes", size)
	}
	if uint64(len(b)-head) < size {
		return f, b, false, nil
	}
	end := head + int(size)
	return frame{ws.OpCode(b[0] & 0x0f), b[head:end]}, b[end:], true, nil
}

// masked is a client's frame. Its mask is zero, which masks nothing and costs the server
// what any other one does.
func masked(op ws.OpCode, data []byte) []byte {
	out := []byte{0x80 | byte(op)}
	if len(data) < 126 {
		out = append(out, 0x80|byte(len(data)))
	} else {
		out = binary.BigEndian.AppendUint16(append(out, 0x80|126), uint16(len(data)))
	}
	return append(append(out, 0, 0, 0, 0), data...)
}
