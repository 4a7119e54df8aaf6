package encoding

import "fmt"

// DecodeError says what is wrong with the payload of a client, and where.
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
