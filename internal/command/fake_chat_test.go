package command

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// fakeChat is a chat service in memory, of which the tests script what commands get and
// record what they do. Its directory is a real one.
type fakeChat struct {
	err      error // of all questions
	reached  eventnode.Reached
	done     eventnode.ChatSubscribed
	ended    eventnode.ChatRemoved
	sessions []eventnode.ChatSession
	missing  []eventnode.NodeID // by lists and changes
	failures int                // of the next exports

	mu      sync.Mutex
	did     []string // what was asked for, in words
	state   *directory.State
	batches []int // of changes
}

func (f *fake) Chat() chatService { return &f.chat }

func (c *fakeChat) note(format string, args ...any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.did = append(c.did, fmt.Sprintf(format, args...))
	return c.err
}

func (c *fakeChat) Dispatch(ctx context.Context, topic, eventType string, data any, opts ...eventnode.ChatOption) (eventnode.Reached, error) {
	return c.DispatchMany(ctx, []string{topic}, eventType, data, opts...)
}

func (c *fakeChat) DispatchMany(_ context.Context, topics []string, eventType string, data any, opts ...eventnode.ChatOption) (eventnode.Reached, error) {
	o := eventnode.NewChatOptions(opts...)
	only := "all"
	if o.Only != nil {
		only = fmt.Sprint(*o.Only)
	}
	return c.reached, c.note("dispatch %v %s %s only %s except %v list %t", topics, eventType, data, only, o.Except, o.List)
}

func (c *fakeChat) Subscribe(_ context.Context, who []eventnode.ChatSubscriber, topics ...eventnode.ChatSubscription) (eventnode.ChatSubscribed, error) {
	return c.done, c.note("subscribe %v %v", who, topics)
}

func (c *fakeChat) Unsubscribe(_ context.Context, who []eventnode.ChatSubscriber, topics ...string) (eventnode.ChatSubscribed, error) {
	return c.done, c.note("unsubscribe %v %v", who, topics)
}

func (c *fakeChat) Reset(_ context.Context, topics ...string) (eventnode.ChatRemoved, error) {
	return c.ended, c.note("reset %v", topics)
}

func (c *fakeChat) Remove(_ context.Context, topics ...string) (eventnode.ChatRemoved, error) {
	return c.ended, c.note("remove %v", topics)
}

func (c *fakeChat) Sessions(_ context.Context, filter eventnode.ChatSessionFilter) iter.Seq2[eventnode.ChatSession, error] {
	return func(yield func(eventnode.ChatSession, error) bool) {
		err := c.note("sessions %+v", filter)
		for _, s := range c.sessions {
			if !yield(s, nil) {
				return
			}
		}
		if err == nil && len(c.missing) > 0 {
			err = &eventnode.MissingError{Nodes: c.missing}
		}
		if err != nil {
			yield(eventnode.ChatSession{}, err)
		}
	}
}

func (c *fakeChat) CloseSession(_ context.Context, id string) error { return c.note("close %s", id) }

// directory is the real one.
func (c *fakeChat) directory() *directory.State {
	if c.state == nil {
		c.state, _ = directory.New(directory.Limits{}) // the defaults are good
	}
	return c.state
}

func (c *fakeChat) Change(_ context.Context, changes ...*eventnodev1.DirectoryChange) (done eventnode.ChatChanged, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return done, c.err
	}
	c.batches = append(c.batches, len(changes))
	for i, change := range changes {
		if _, err := c.directory().Apply(change); err != nil {
			done.Refused = append(done.Refused, eventnode.ChatRefused{Index: i, Err: err})
		}
	}
	done.Position, done.Missing = eventnode.Position{MS: 1, Seq: 2}, c.missing
	return done, nil
}

var errNotYet = errors.New("not yet")

func (c *fakeChat) Export(context.Context) iter.Seq2[*eventnodev1.DirectoryChange, error] {
	return func(yield func(*eventnodev1.DirectoryChange, error) bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.failures > 0 {
			c.failures--
			yield(nil, errNotYet)
			return
		}
		if c.err != nil {
			yield(nil, c.err)
			return
		}
		for change := range c.directory().All() {
			if !yield(change, nil) {
				return
			}
		}
	}
}
