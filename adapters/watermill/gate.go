package watermill

import (
	"fmt"
	"sync"

	"github.com/eventnode/eventnode"
)

// gate lets work in until it is closed, and waits for that which is inside.
type gate struct {
	mu     sync.Mutex // orders enter and close
	closed bool
	inside sync.WaitGroup
}

// enter lets one in, who leaves by leave.
func (g *gate) enter(what string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return fmt.Errorf("%s: %w", what, eventnode.ErrClosed)
	}
	g.inside.Add(1)
	return nil
}

func (g *gate) leave() { g.inside.Done() }

// close lets nobody in any more, has those inside told by tell, and waits for them.
func (g *gate) close(tell func()) {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	tell()
	g.inside.Wait()
}
