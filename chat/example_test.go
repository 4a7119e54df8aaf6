package chat_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat"
	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// Thread is the key of a topic such as thread:1001/7: the seventh thread of a channel.
type Thread struct {
	Channel sessions.Snowflake
	Number  int
}

func parseThread(key string) (t Thread, err error) {
	if n, _ := fmt.Sscanf(key, "%d/%d", &t.Channel, &t.Number); n != 2 {
		return t, fmt.Errorf("%q is no thread: write it as CHANNEL/NUMBER", key)
	}
	return t, nil
}

// threads is a kind of ours: who may read a channel may follow its threads, and what is internal
// reaches only programs.
type threads struct{ chat.Stateful[Thread] }

func (b threads) Admit(look chat.Directory, s *sessions.Session, key string) error {
	if c := b.Key(key).Channel; !look.MayRead(s.User, c) {
		return fmt.Errorf("user %d may not read channel %d: %w", s.User, c, eventnode.ErrPermissionDenied)
	}
	return nil
}

func (b threads) Dispatch(d *chat.Delivery, key string) {
	for s := range d.Subscribers() {
		if !strings.HasPrefix(d.Type(), "THREAD_INTERNAL_") || s.Bot {
			d.Send(s)
		}
	}
}

// A kind of one's own: its key has a type, its rule is a method, and subscribing, filters,
// flags, intents, other nodes and resuming are as for the others.
func ExampleBackend() {
	state, _ := directory.New(directory.Limits{})
	hub, err := chat.New(chat.Config{
		Node: eventnode.NodeRef{ID: "n1", Epoch: 1}, Directory: state,
		Kinds: []chat.Backend{threads{chat.Stateful[Thread]{Stateless: chat.Stateless[Thread]{Name: "thread", Parse: parseThread}}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for _, c := range []*eventnodev1.DirectoryChange{
		directory.PutUser(&eventnodev1.DirectoryUser{Id: 1, Username: "ann"}),
		directory.PutChannel(&eventnodev1.DirectoryChannel{Id: 1001, Type: directory.Group, Recipients: []uint64{1}}),
	} {
		_ = hub.Apply(ctx, func() (directory.Effect, error) { return state.Apply(c) })
	}
	_, _ = hub.Identify(ctx, sessions.Identity{User: 1, Intents: chat.AllIntents}, sessions.Presence{}, sessions.Hello{})
	for _, topic := range []string{"thread:1001/7", "thread:9/7", "thread:x"} {
		_, err = hub.Subscribe(ctx, &eventnodev1.ChatServiceSubscribeRequest{
			Subscribers:   []*eventnodev1.ChatSubscriber{{UserId: 1}},
			Subscriptions: []*eventnodev1.ChatSubscription{{Topic: topic}},
		})
		fmt.Println(topic, err)
	}
	for _, eventType := range []string{"THREAD_MESSAGE", "THREAD_INTERNAL_NOTE"} {
		reached, _ := hub.Dispatch(ctx, &eventnodev1.ChatServiceDispatchRequest{Topics: []string{"thread:1001/7"}, Type: eventType, Data: []byte(`{}`)})
		fmt.Println(eventType, "reached", reached.GetReached())
	}
	// Output:
	// thread:1001/7 <nil>
	// thread:9/7 user 1 may not read channel 9: permission denied
	// thread:x bad topic "thread:x": "x" is no thread: write it as CHANNEL/NUMBER
	// THREAD_MESSAGE reached 1
	// THREAD_INTERNAL_NOTE reached 0
}
