package eventnode

import (
	"errors"
	"fmt"
)

// Errors of requests. See also *ReplyError.
var (
	// ErrNoResponders: no subscription took the request, so nobody will reply, and nothing
	// was done. The interest of a replier that has just subscribed at another node may not be
	// known here yet: try again.
	ErrNoResponders = errors.New("no responders")
)

// ReplyError is a reply that is an error: it comes from the replier, which had the request.
type ReplyError struct {
	// Topic is where the request went to.
	Topic string
	// Text is what the replier says, at most 1,024 bytes.
	Text string
}

func (e *ReplyError) Error() string {
	return fmt.Sprintf("the replier of %.255s says: %s", e.Topic, e.Text)
}
