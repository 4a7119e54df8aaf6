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
