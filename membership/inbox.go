package membership

import "sync"

// inbox takes over what gossip tells, without ever waiting, and gives it to the
// owner goroutine. It holds one observation for each life, the newest: its bound
// is the number of lives that gossip knows.
type inbox struct {
	mu      sync.Mutex
	waiting map[string]observation
	order   []string
	foreign error // a node of another cluster was heard of; the newest
	signal  chan struct{}
}

func newInbox() *inbox {
	return &inbox{waiting: make(map[string]observation), signal: make(chan struct{}, 1)}
}

// put stores o in place of an older observation of the same life. That a life
// left is not replaced: it is final.
func (i *inbox) put(o observation) {
	i.store(o)
	wake(i.signal)
}

func (i *inbox) store(o observation) {
	name := o.node.Ref.String()
	i.mu.Lock()
	defer i.mu.Unlock()
	old, ok := i.waiting[name]
	if ok && old.state == Left {
		return
	}
	if !ok {
		i.order = append(i.order, name)
	}
	i.waiting[name] = o
}

// take returns everything, in the order in which each life was first told of.
func (i *inbox) take() []observation {
	i.mu.Lock()
	defer i.mu.Unlock()
	all := make([]observation, 0, len(i.order))
	for _, name := range i.order {
		all = append(all, i.waiting[name])
	}
	clear(i.waiting)
	i.order = i.order[:0]
	return all
}

// meet stores that a node of another cluster was heard of, and who.
func (i *inbox) meet(err error) {
	i.mu.Lock()
	i.foreign = err
	i.mu.Unlock()
	wake(i.signal)
}

// met returns the newest error of meet, once.
func (i *inbox) met() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	err := i.foreign
	i.foreign = nil
	return err
}

// wake sets a signal that is read once.
func wake(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}
