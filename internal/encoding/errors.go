package encoding

import "fmt"

// DecodeError says what is wrong with a payload that came, and where.
type DecodeError struct {
	Format Format
	// Offset is how many bytes were read before it was noticed.
	Offset int
	// Reason says what is wrong.
	Reason string
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("%s payload, byte %d: %s", e.Format, e.Offset, e.Reason)
}

// DataError says what is wrong with the data of an event, or of a payload that goes to a
// client: it cannot be sent.
type DataError struct {
	// Offset is how many bytes of the data were read before it was noticed.
	Offset int
	// Reason says what is wrong.
	Reason string
}

func (e *DataError) Error() string {
	return fmt.Sprintf("data of an event, byte %d: %s", e.Offset, e.Reason)
}

// StreamError says why nothing more can be read of a connection: its messages are one
// compressed stream, which is broken.
type StreamError struct{ Reason string }

func (e *StreamError) Error() string { return "compressed stream: " + e.Reason }
