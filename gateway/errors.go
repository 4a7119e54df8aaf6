package gateway

import "errors"

// Errors of this package.
var (
	// ErrRunning: the gateway runs already, or has run. Make another one.
	ErrRunning = errors.New("the gateway runs or has run")
)
