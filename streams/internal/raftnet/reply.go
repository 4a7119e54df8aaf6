package raftnet

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

const (
	replyHead = 1 + 1 + 2
	// maxText bounds what a refusal says, in bytes.
	maxText = 256
)

// reply is what the called end says: a challenge, a welcome or a refusal.
type reply struct {
	code    code
	version byte
	payload []byte
}

func (r reply) encode() []byte {
	b := []byte{byte(r.code), r.version}
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.payload)))
	return append(b, r.payload...)
}

// refusal is the reply that says why.
func refusal(c code, why error) reply {
	text := why.Error()
	text = strings.ToValidUTF8(text[:min(len(text), maxText)], "")
	return reply{code: c, version: version, payload: []byte(text)}
}

// readReply reads a reply with a payload of want bytes, or the refusal in its
// place as an error.
func readReply(r io.Reader, want int) (reply, error) {
	var head [replyHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return reply{}, fmt.Errorf("%w: %w", errBroken, err)
	}
	got := reply{code: code(head[0]), version: head[1]}
	size := int(binary.BigEndian.Uint16(head[2:]))
	if got.code != codeOK {
		want = min(size, maxText)
	}
	if size != want {
		return reply{}, fmt.Errorf("%w: a reply of %d bytes", ErrMalformed, size)
	}
	got.payload = make([]byte, size)
	if _, err := io.ReadFull(r, got.payload); err != nil {
		return reply{}, fmt.Errorf("%w: %w", errBroken, err)
	}
	if got.code != codeOK {
		return reply{}, &RefusedError{Reason: reasonOf(got.code), Text: strings.ToValidUTF8(string(got.payload), "?")}
	}
	return got, nil
}
