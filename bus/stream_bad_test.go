package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/event"
)

// Over a stream whatever can be wrong with an event, or with producing one, is told with
// the right error, and harms no other event: those between are handled in their order,
// once, those that cannot be read are dead letters with the field that is wrong, and
// nothing else is left or lost.
func TestBadInputOverAStream(t *testing.T) {
	w := newWorld(t)
	streams, consumers := w.ofClient()
	s := w.stream(t, streams, consumers, eventnode.ConsumerGroupConfig{})
	var l, told log
	p := started(t, bus.Config{Transport: s}).Producer
	c := started(t, bus.Config{Transport: s, OnError: func(_ context.Context, err error, a *bus.AckEvent) {
		parse, _ := errors.AsType[*event.ParseError](err)
		told.add(a.Event.Name, " ", parse.Field, " ", errors.Is(err, event.ErrParse))
	}}).Consumer
	on(t, c, func(_ context.Context, v userCreated) error { l.add(v.UserID); return nil })
	running(t, c)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	raw := func(name, data string) func() error {
		return func() error { return p.Produce(t.Context(), event.New(name, []byte(data))) }
	}
	var handled []string
	stored := 0
	for i, tt := range []struct {
		what    string
		produce func() error
		refused error // nil: it is stored
	}{
		{"malformed JSON", raw("user_created", `{"user_id":1,`), nil},
		{"a field is missing", raw("user_created", `{"user_id":1}`), nil},
		{"a wrong type", raw("user_created", `{"user_id":"1","username":"ada"}`), nil},
		{"an unknown name", raw("user_renamed", `{"user_id":1}`), nil},
		{"too large", raw("user_created", strings.Repeat(" ", 2<<20)), eventnode.ErrLimit},
		{"a cancelled context", func() error { return p.Produce(cancelled, userCreated{-1, "no"}) }, context.Canceled},
		{"a cancelled context, waited for", func() error { return p.ProduceSync(cancelled, time.Minute, userCreated{-1, "no"}) }, context.Canceled},
		{"closed", func() error {
			must(t, p.Close(t.Context()))
			err := p.Produce(t.Context(), userCreated{-1, "no"})
			must(t, p.Start(t.Context()))
			return err
		}, eventnode.ErrClosed},
		{"several, one of which is none", func() error { return p.ProduceAll(t.Context(), userCreated{-1, "no"}, 7) }, event.ErrNotRegistered},
	} {
		err := tt.produce()
		if !errors.Is(err, tt.refused) || err != nil && !errors.Is(err, event.ErrProduce) {
			t.Errorf("%s: %v, want %v", tt.what, err, tt.refused)
		}
		must(t, p.Produce(t.Context(), userCreated{i, "ada"}))
		handled = append(handled, fmt.Sprint(i))
		if stored++; tt.refused == nil {
			stored++
		}
	}
	l.want(t, handled...)
	eventually(t, "all is acked or dead", func() bool {
		info, err := consumers.Group(t.Context(), s.Stream, s.Group)
		must(t, err)
		return info.Lag+info.Pending == 0
	})

	told.want(t, "user_created  true", "user_created username true", "user_created user_id true")
	var dead []string
	for letter, err := range consumers.DeadLetters(t.Context(), s.Stream) {
		must(t, err)
		dead = append(dead, letter.Reason)
	}
	for i, field := range []string{"JSON", "username is missing", "user_id is a string"} {
		if len(dead) != 3 || !strings.Contains(dead[i], field) {
			t.Fatalf("dead letters: %q; the %d. is about %s", dead, i+1, field)
		}
	}
	if st := c.Stats(); st.Malformed != 3 || st.Unhandled != 1 || int(st.Handled) != len(handled) || st.Failed+st.Panicked != 0 {
		t.Errorf("%+v", st)
	}
	if info, err := streams.Info(t.Context(), s.Stream); err != nil || int(info.Published) != stored || info.Count != 0 {
		t.Errorf("%d published, %d left, %v, want %d and none", info.Published, info.Count, err, stored)
	}
	if got := l.all(); !slices.Equal(got, handled) {
		t.Errorf("handled %v", got)
	}
}
