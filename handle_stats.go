package eventnode

import (
	"fmt"
	"sync/atomic"
)

// HandleStats counts what [Handle] did. The zero value is ready; it may be read
// at any time.
type HandleStats struct {
	// Handled counts deliveries whose handler returned nil, gaps included.
	Handled atomic.Uint64
	// Failed counts those whose handler returned an error.
	Failed atomic.Uint64
	// Panicked counts those whose handler panicked.
	Panicked atomic.Uint64
	// Gaps counts gaps given to the handler.
	Gaps atomic.Uint64
	// Running is how many handlers run now.
	Running atomic.Int64
}

// PanicError is what became of a handler that panicked.
type PanicError struct {
	// Value is what it panicked with.
	Value any
	// Stack is where.
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("handler panicked: %v", e.Value) }

// Unwrap returns Value if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
