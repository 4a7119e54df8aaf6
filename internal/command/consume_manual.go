package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
)

// ackDesk has the events that wait for an answer, and takes the answers from lines.
type ackDesk struct {
	a      *app
	closed chan struct{} // closed when there are no more lines

	mu       sync.Mutex
	waiting  map[string][]*eventnode.StreamDelivery // by position: several streams may have one
	left     int
	answered chan struct{} // closed when nothing waits
	bad      int           // lines that did nothing
}

func newAckDesk(a *app) *ackDesk {
	return &ackDesk{a: a, closed: make(chan struct{}), waiting: make(map[string][]*eventnode.StreamDelivery)}
}

// put has events wait. What it returns is closed when each has an answer.
func (k *ackDesk) put(events []*eventnode.StreamDelivery) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.answered, k.left = make(chan struct{}), len(events)
	for _, d := range events {
		k.waiting[d.ID()] = append(k.waiting[d.ID()], d)
	}
	return k.answered
}

// clear forgets what waits.
func (k *ackDesk) clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.waiting)
	k.left = 0
}

// read takes lines until their end or that of ctx. A line that says nothing of use is
// told, and the next one is read.
func (k *ackDesk) read(ctx context.Context, lines io.Reader) error {
	defer close(k.closed)
	err := eachLine(ctx, lines, func(number int, line []byte) error {
		if err := k.line(string(line)); err != nil {
			k.bad++
			k.a.notice(map[string]any{"line": number, "error": err.Error()}, "line %d: %v", number, err)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		return err
	}
	if k.bad > 0 {
		return failf(exitError, "%s of stdin did nothing, see above", plural(k.bad, "line"))
	}
	return nil
}

// line does what a line says. An empty one says nothing.
func (k *ackDesk) line(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil
	}
	settle, last, err := parseVerb(words)
	if err != nil {
		return err
	}
	d, err := k.find(words[1])
	if err != nil {
		return err
	}
	if err := settle(d); err != nil {
		return fmt.Errorf("%s: %w", words[1], err)
	}
	if last {
		k.answer(d)
	}
	return nil
}

// parseVerb reads what to do with an event, and whether that is the last word on it.
func parseVerb(words []string) (settle func(*eventnode.StreamDelivery) error, last bool, err error) {
	verb, rest := words[0], words[min(2, len(words)):]
	if len(words) < 2 {
		return nil, false, fmt.Errorf("%.40q: an ID is missing: write ack ID, nack ID [DELAY], terminate ID REASON or extend ID [WAIT]", verb)
	}
	var d time.Duration
	if verb == "nack" || verb == "extend" {
		if d, err = optionalDuration(rest); err != nil {
			return nil, false, fmt.Errorf("%s: %w", verb, err)
		}
	}
	switch verb {
	case "ack":
		if len(rest) > 0 {
			return nil, false, fmt.Errorf("ack: unexpected %.40q behind the ID", rest[0])
		}
		return (*eventnode.StreamDelivery).Ack, true, nil
	case "nack":
		return func(e *eventnode.StreamDelivery) error { return e.Nack(d) }, true, nil
	case "extend":
		return func(e *eventnode.StreamDelivery) error { return e.Extend(d) }, false, nil
	case "terminate":
		if len(rest) == 0 {
			return nil, false, errors.New("terminate: a reason is missing: write terminate ID REASON")
		}
		return func(e *eventnode.StreamDelivery) error { return e.Terminate(strings.Join(rest, " ")) }, true, nil
	}
	return nil, false, fmt.Errorf("unknown verb %.40q: use ack, nack, terminate or extend", verb)
}

// optionalDuration reads at most one duration; none is 0.
func optionalDuration(words []string) (time.Duration, error) {
	if len(words) == 0 {
		return 0, nil
	}
	d, err := time.ParseDuration(words[0])
	if err != nil || d <= 0 || d%time.Millisecond != 0 || len(words) > 1 {
		return 0, fmt.Errorf("%.40q: write one time in whole milliseconds, such as 30s", strings.Join(words, " "))
	}
	return d, nil
}

// find is the event that waits under an ID: a position, or STREAM/POSITION.
func (k *ackDesk) find(id string) (*eventnode.StreamDelivery, error) {
	stream, at, named := strings.Cut(id, "/")
	if !named {
		stream, at = "", id
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var found []*eventnode.StreamDelivery
	for _, d := range k.waiting[at] {
		if stream == "" || d.Stream() == stream {
			found = append(found, d)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, fmt.Errorf("%.80q does not wait for an answer: it was not printed, or has one", id)
	}
	return nil, fmt.Errorf("%.80q waits on %d streams: write STREAM/POSITION", id, len(found))
}

// answer notes that an event has its answer.
func (k *ackDesk) answer(d *eventnode.StreamDelivery) {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := k.waiting[d.ID()]
	for i, other := range list {
		if other != d {
			continue
		}
		k.waiting[d.ID()] = append(list[:i:i], list[i+1:]...)
		if len(k.waiting[d.ID()]) == 0 {
			delete(k.waiting, d.ID())
		}
		if k.left--; k.left == 0 {
			close(k.answered)
		}
		return
	}
}
