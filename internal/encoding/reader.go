package encoding

import "fmt"

// maxScratch is how much memory a Reader keeps from one message to the next, in bytes.
const maxScratch = 256 << 10

// Reader reads the messages of one connection: what a Writer at the other end wrote, or any
// other gateway. It belongs to one goroutine.
type Reader struct {
	format  Format
	limit   int
	inflate inflater // nil: none
	text    []byte   // scratch: a message, inflated
	json    []byte   // scratch: a term, as JSON
}

// inflater undoes a compression. It appends the payload that a message has, or says that
// the payload goes on in the next message. A message that cannot be inflated is a
// *StreamError if nothing behind it can be, either.
type inflater interface {
	inflate(dst, message []byte, limit int) (payload []byte, whole bool, err error)
}

// NewReader makes the reader of a new connection. A payload may have so many bytes, before
// and after inflating.
func NewReader(f Format, c Compression, limit int) *Reader {
	r := &Reader{format: f, limit: limit}
	switch c {
	case ZlibStream:
		r.inflate = &zlibStream{}
	case ZstdStream:
		r.inflate = &zstdStream{}
	case ZlibPayload:
		r.inflate = &zlibEach{}
	case None:
	}
	return r
}

// Read reads a message, and keeps nothing of it. It reports whether there is a payload: one
// may come in several messages of a zlib-stream. After a *DecodeError the next message can
// be read; after a *StreamError nothing can.
func (r *Reader) Read(message []byte) (p Payload, whole bool, err error) {
	r.trim()
	text := message
	if r.inflate != nil {
		if text, whole, err = r.inflate.inflate(r.text[:0], message, r.limit); err != nil || !whole {
			return Payload{}, false, err
		}
		r.text = text
	}
	if len(text) > r.limit {
		return Payload{}, false, &DecodeError{Format: r.format, Offset: r.limit, Reason: tooLarge(r.limit)}
	}
	p, r.json, err = decode(r.format, text, r.json[:0])
	return p, err == nil, err
}

// trim gives back the memory of a large message.
func (r *Reader) trim() {
	if cap(r.text) > maxScratch {
		r.text = nil
	}
	if cap(r.json) > maxScratch {
		r.json = nil
	}
}

func tooLarge(limit int) string {
	return fmt.Sprintf("it has more than %d bytes, the limit for payloads", limit)
}
