package directory_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/event"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// fake is a stream in memory that fails as a test says.
type fake struct {
	eventnode.Streams
	events  chan eventnode.StreamEvent
	publish func([]event.Event) (eventnode.Published, error)
	fails   []error // of reads, one after the other
	after   []*eventnode.Position
	info    eventnode.StreamInfo
}

func newFake() *fake {
	f := &fake{events: make(chan eventnode.StreamEvent, 100)}
	f.publish = func(evs []event.Event) (eventnode.Published, error) {
		for i, ev := range evs {
			n := uint64(i) + 1
			f.events <- eventnode.StreamEvent{Position: eventnode.Position{MS: 1, Seq: n}, Number: n, Event: ev}
		}
		return eventnode.Published{First: eventnode.Position{MS: 1, Seq: 1}, Appended: len(evs)}, nil
	}
	return f
}

func (f *fake) Declare(context.Context, string, eventnode.StreamConfig) (bool, error) {
	return true, nil
}

func (f *fake) Info(context.Context, string) (eventnode.StreamInfo, error) { return f.info, nil }

func (f *fake) PublishMany(_ context.Context, _ string, evs []event.Event, _ ...eventnode.PublishOption) (eventnode.Published, error) {
	return f.publish(evs)
}

func (f *fake) Read(ctx context.Context, _ string, opts ...eventnode.ReadOption) iter.Seq2[eventnode.StreamEvent, error] {
	return func(yield func(eventnode.StreamEvent, error) bool) {
		f.after = append(f.after, eventnode.NewReadOptions(opts...).After)
		for len(f.fails) == 0 || len(f.events) > 0 {
			select {
			case ev := <-f.events:
				if !yield(ev, nil) {
					return
				}
			case <-ctx.Done():
				yield(eventnode.StreamEvent{}, context.Cause(ctx))
				return
			}
		}
		err := f.fails[0]
		f.fails = f.fails[1:]
		yield(eventnode.StreamEvent{}, err)
	}
}

// Reading that fails for a while goes on behind the last change that was applied; what
// does not go away ends Run, and then nobody waits for ever.
func TestReadingGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r := newReplica(t, f, func(*directory.LogConfig) {})
		f.fails = []error{eventnode.ErrUnavailable, eventnode.ErrOutcomeUnknown, eventnode.ErrStreamNotFound}
		if _, err := f.PublishMany(t.Context(), "", events(t)); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- r.Run(t.Context()) }()
		if err := r.Wait(t.Context(), eventnode.Position{MS: 2}); !errors.Is(err, eventnode.ErrClosed) {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, eventnode.ErrStreamNotFound) {
			t.Error(err)
		}
		if len(f.after) != 3 || f.after[0] != nil || f.after[1] == nil || *f.after[1] != (eventnode.Position{MS: 1, Seq: 1}) || *f.after[2] != *f.after[1] {
			t.Errorf("it read from %v", f.after)
		}
		if _, _, err := r.Submit(t.Context(), user(2, "grace")); !errors.Is(err, eventnode.ErrClosed) && !errors.Is(err, directory.ErrNotAppliedYet) {
			t.Error(err)
		}
		if err := r.Run(t.Context()); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("a second Run: %v", err)
		}
	})
}

// events are what Submit publishes of one change.
func events(t *testing.T) (evs []event.Event) {
	f := newFake()
	f.publish = func(list []event.Event) (eventnode.Published, error) {
		evs = list
		return eventnode.Published{}, eventnode.ErrUnavailable
	}
	r := newReplica(t, f, func(*directory.LogConfig) {})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	if _, _, err := r.Submit(t.Context(), user(1, "ada")); !errors.Is(err, eventnode.ErrUnavailable) {
		t.Error(err)
	}
	stop()
	<-ended
	return evs
}

// Submit says whether changes are in the stream, are not, or may be; and of those that
// are and were not applied in time, where they stand.
func TestSubmitSaysWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r := newReplica(t, f, func(*directory.LogConfig) {})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()

		publish := f.publish
		f.publish = func([]event.Event) (eventnode.Published, error) {
			return eventnode.Published{}, eventnode.ErrOutcomeUnknown
		}
		if errs, _, err := r.Submit(ctx, user(1, "ada")); !errors.Is(err, eventnode.ErrOutcomeUnknown) || errs != nil {
			t.Error(errs, err)
		}
		short, cancel := context.WithCancel(ctx)
		f.publish = func(evs []event.Event) (eventnode.Published, error) {
			cancel() // appended, and never read here
			return eventnode.Published{First: eventnode.Position{MS: 1, Seq: 1}, Appended: len(evs)}, nil
		}
		if _, at, err := r.Submit(short, user(1, "ada"), user(2, "grace")); !errors.Is(err, directory.ErrNotAppliedYet) || !errors.Is(err, context.Canceled) || at != (eventnode.Position{MS: 1, Seq: 2}) {
			t.Error(at, err)
		}
		if err := r.Wait(short, eventnode.Position{MS: 1}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		f.publish = publish
		if errs, at, err := r.Submit(ctx, user(1, "ada"), directory.DeleteUser(9)); err != nil || errs[0] != nil || !errors.Is(errs[1], directory.ErrUnknownUser) || at.Seq != 2 {
			t.Error(errs, at, err)
		}
		if n := r.Waiting(); n > 0 {
			t.Errorf("%d changes are waited for, and nobody waits", n)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// What cannot be submitted is refused before anything is published: nothing, too much,
// and what says nothing. So is a Log without what it needs.
func TestSubmitRefuses(t *testing.T) {
	r := newReplica(t, newFake(), func(*directory.LogConfig) {})
	if _, _, err := r.Submit(t.Context()); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Error(err)
	}
	if _, _, err := r.Submit(t.Context(), nil, nil); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Error(err)
	}
	many := slices.Repeat([]*eventnodev1.DirectoryChange{user(1, "ada")}, directory.MaxSubmit+1)
	if _, _, err := r.Submit(t.Context(), many...); !errors.Is(err, eventnode.ErrLimit) {
		t.Error(err)
	}
	if _, err := directory.NewLog(directory.LogConfig{Streams: newFake()}); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Error(err)
	}
}

// A change that was removed from the stream before it was read ends Run: the directory
// would not be what it is elsewhere.
func TestAHoleEndsRun(t *testing.T) {
	f := newFake()
	f.events <- eventnode.StreamEvent{Position: eventnode.Position{MS: 1}, Number: 2, Event: event.New("x", nil)}
	r := newReplica(t, f, func(*directory.LogConfig) {})
	if err := r.Run(t.Context()); !errors.Is(err, directory.ErrIncomplete) {
		t.Error(err)
	}
	f = newFake()
	f.info = eventnode.StreamInfo{Count: 3, Published: 5}
	if err := newReplica(t, f, func(*directory.LogConfig) {}).Run(t.Context()); !errors.Is(err, directory.ErrIncomplete) {
		t.Error(err)
	}
}
