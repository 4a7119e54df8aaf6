package outbox

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrConfig: something about the configuration is missing or wrong. The error says
	// what.
	ErrConfig = errors.New("outbox configuration")
	// ErrLeaseLost: another relay leads, or this one could not renew its lease in time.
	ErrLeaseLost = errors.New("outbox lease lost")
)

// configErrorf says what is wrong with a configuration.
func configErrorf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
}
