package encoding

import (
	"errors"

	"github.com/eventnode/eventnode/sessions"
)

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

// Event appends the message that dispatches an event: opcode 0.
func (w *Writer) Event(dst []byte, seq uint64, e *sessions.Event) ([]byte, error) {
	return dst, errNotYet
}

// Dispatch appends the message that dispatches what only this session gets, such as
// RESUMED. The data is marshalled as JSON.
func (w *Writer) Dispatch(dst []byte, seq uint64, kind string, d any) ([]byte, error) {
	return dst, errNotYet
}

// Control appends a message with another opcode, which has no sequence number and no type.
// The data is marshalled as JSON.
func (w *Writer) Control(dst []byte, op int, d any) ([]byte, error) {
	return dst, errNotYet
}

var errNotYet = errors.New("not written yet")
