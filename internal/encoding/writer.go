package encoding

import "github.com/eventnode/eventnode/sessions"

// Writer writes the messages of one connection. It has no buffer.
type Writer struct {
	format      Format
	compression Compression
	begun       bool // the stream's header was written
}

// NewWriter makes the writer of a new connection.
func NewWriter(f Format, c Compression) *Writer {
	return &Writer{format: f, compression: c}
}

// Binary reports whether messages are binary ones of the WebSocket protocol; they are text
// otherwise.
func (w *Writer) Binary() bool { return w.format != JSON || w.compression != None }

// Event appends the message that dispatches an event: opcode 0. An event that cannot be
// sent is a *DataError.
func (w *Writer) Event(dst []byte, seq uint64, e *sessions.Event) ([]byte, error) {
	part, err := w.shared(e)
	switch {
	case err != nil:
		return dst, err
	case w.compression != None:
		return w.compressed(dst, 0, seq, e.Type, part), nil
	case w.format == JSON:
		return appendRestJSON(appendHead(dst, JSON, 0, seq, e.Type), e.Type, part), nil
	default:
		return append(appendHead(dst, w.format, 0, seq, e.Type), part...), nil
	}
}

// Dispatch appends the message that dispatches what only this session gets, such as
// RESUMED. The data is marshalled as JSON.
func (w *Writer) Dispatch(dst []byte, seq uint64, kind string, d any) ([]byte, error) {
	return w.single(dst, 0, seq, kind, d)
}

// Control appends a message with another opcode, which has no sequence number and no type.
// The data is marshalled as JSON.
func (w *Writer) Control(dst []byte, op int, d any) ([]byte, error) {
	return w.single(dst, op, 0, "", d)
}

// single appends a message that is not shared.
func (w *Writer) single(dst []byte, op int, seq uint64, kind string, d any) ([]byte, error) {
	part, err := w.rest(kind, d)
	if err != nil {
		return dst, err
	}
	switch w.compression {
	case None:
		return append(appendHead(dst, w.format, op, seq, kind), part...), nil
	case ZstdStream:
		part, err = zstdPart(part, nil)
	default:
		part, err = deflatePart(part, nil)
	}
	if err != nil {
		return dst, err
	}
	return w.compressed(dst, op, seq, kind, part), nil
}

// compressed appends a message of a head and a compressed part.
func (w *Writer) compressed(dst []byte, op int, seq uint64, kind string, part []byte) []byte {
	var room [64]byte
	head := appendHead(room[:0], w.format, op, seq, kind)
	first := !w.begun
	w.begun = true
	switch w.compression {
	case ZstdStream:
		if first {
			dst = append(dst, zstdHeader...)
		}
		return append(appendRawBlock(dst, head), part...)
	case ZlibPayload:
		return appendZlib(dst, head, part)
	default:
		if first {
			dst = append(dst, zlibHeader...)
		}
		blocks, _, _ := splitDeflate(part)
		return append(appendStored(dst, head), blocks...)
	}
}
