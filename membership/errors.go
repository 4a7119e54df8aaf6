package membership

import "errors"

// Errors of New and Run.
var (
	// ErrLoopback: this node advertises a loopback address, which nodes elsewhere
	// cannot reach. Set the advertised addresses.
	ErrLoopback = errors.New("loopback address advertised to nodes elsewhere")
	// ErrConfig: a configured value is not usable; the error says which and why.
	ErrConfig = errors.New("bad membership configuration")
)
