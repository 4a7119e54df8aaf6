package gateway

import (
	"errors"
	"io"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// errTooLarge: a message is beyond the limit, in bytes or in fragments.
var errTooLarge = errors.New("the message is too large")

// errBadText: a text message is no UTF-8.
var errBadText = errors.New("the message is not UTF-8")

// maxFragments bounds the frames of one message.
const maxFragments = 64

// incoming reads the messages of a client. It keeps no buffer between them.
type incoming struct {
	from  io.Reader
	limit int // bytes of a message

	state     ws.State
	kind      ws.OpCode
	partial   []byte // of a message in fragments
	fragments int
	head      [ws.MaxHeaderSize]byte
}

// next is the next message, or the next control frame: they may come between the fragments
// of a message. It fails with errTooLarge, errBadText, a ws.ProtocolError, or as reading
// does.
func (in *incoming) next() (ws.OpCode, []byte, error) {
	for {
		h, err := in.header()
		if err != nil {
			return 0, nil, err
		}
		data, err := in.payload(h)
		if err != nil || h.OpCode.IsControl() {
			return h.OpCode, data, err
		}
		if data, err = in.assemble(h, data); h.Fin || err != nil {
			return in.kind, data, err
		}
	}
}

func (in *incoming) header() (ws.Header, error) {
	h, err := ws.ReadHeaderBuffer(in.from, in.head[:])
	if err != nil {
		return h, protocolError(err)
	}
	if err := ws.CheckHeader(h, in.state|ws.StateServerSide); err != nil {
		return h, err
	}
	if !h.OpCode.IsControl() && (h.Length > int64(in.limit-len(in.partial)) || in.fragments >= maxFragments) {
		return h, errTooLarge
	}
	return h, nil
}

// protocolError has what is wrong with a header be of one type.
func protocolError(err error) error {
	if errors.Is(err, ws.ErrHeaderLengthMSB) || errors.Is(err, ws.ErrHeaderLengthUnexpected) {
		return ws.ProtocolError(err.Error())
	}
	return err
}

func (in *incoming) payload(h ws.Header) ([]byte, error) {
	data := make([]byte, h.Length)
	if _, err := io.ReadFull(in.from, data); err != nil {
		return nil, err
	}
	ws.Cipher(data, h.Mask, 0)
	return data, nil
}

// assemble adds a frame to its message, which is whole with the last one.
func (in *incoming) assemble(h ws.Header, data []byte) ([]byte, error) {
	if h.OpCode != ws.OpContinuation {
		in.kind = h.OpCode
	}
	if !h.Fin {
		in.partial = append(in.partial, data...)
		in.fragments++
		in.state = in.state.Set(ws.StateFragmented)
		return nil, nil
	}
	if in.fragments > 0 {
		data = append(in.partial, data...)
		in.partial, in.fragments, in.state = nil, 0, in.state.Clear(ws.StateFragmented)
	}
	if in.kind == ws.OpText && !utf8.Valid(data) {
		return nil, errBadText
	}
	return data, nil
}

// headRoom is what beginFrame keeps free: the header of most messages.
const headRoom = 4

// beginFrame makes room for a header; the payload is appended then, and endFrame called
// with the length from before.
func beginFrame(dst []byte) []byte { return append(dst, make([]byte, headRoom)...) }

// endFrame writes the header of a frame that begins at start. A short payload is moved to
// the left, a very long one to the right.
func endFrame(dst []byte, start int, op ws.OpCode) []byte {
	n := len(dst) - start - headRoom
	first := 0x80 | byte(op) // the last fragment, which is the only one
	switch {
	case n < 126:
		copy(dst[start+2:], dst[start+headRoom:])
		dst = dst[:len(dst)-2]
		dst[start], dst[start+1] = first, byte(n)
	case n < 1<<16:
		dst[start], dst[start+1], dst[start+2], dst[start+3] = first, 126, byte(n>>8), byte(n)
	default:
		dst = append(dst, make([]byte, 6)...)
		copy(dst[start+10:], dst[start+headRoom:])
		dst[start], dst[start+1] = first, 127
		for i := range 8 {
			dst[start+2+i] = byte(n >> (56 - 8*i))
		}
	}
	return dst
}

// appendControl appends a control frame, whose payload has at most 125 bytes.
func appendControl(dst []byte, op ws.OpCode, payload []byte) []byte {
	start := len(dst)
	return endFrame(append(beginFrame(dst), payload...), start, op)
}

// closePayload is what a close frame says.
func closePayload(code CloseCode, reason string) []byte {
	const most = ws.MaxControlFramePayloadSize - 2
	return append([]byte{byte(code >> 8), byte(code)}, reason[:min(len(reason), most)]...)
}
