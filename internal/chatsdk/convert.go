package chatsdk

import (
	"fmt"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/convert"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// filterToProto keeps the difference between no filter and one that nobody passes.
func filterToProto(f *eventnode.ChatFilter) *eventnodev1.ChatFilter {
	if f == nil {
		return nil
	}
	return &eventnodev1.ChatFilter{SessionIds: f.Sessions, UserIds: f.Users}
}

func subscribersToProto(who []eventnode.ChatSubscriber) (out []*eventnodev1.ChatSubscriber) {
	for _, w := range who {
		out = append(out, &eventnodev1.ChatSubscriber{UserId: w.User, SessionId: w.Session})
	}
	return out
}

func subscriptionsToProto(topics []eventnode.ChatSubscription) (out []*eventnodev1.ChatSubscription) {
	for _, t := range topics {
		out = append(out, &eventnodev1.ChatSubscription{Topic: t.Topic, NoPresence: t.NoPresence, NoTyping: t.NoTyping})
	}
	return out
}

func subscriptionsFromProto(topics []*eventnodev1.ChatSubscription) (out []eventnode.ChatSubscription) {
	for _, t := range topics {
		out = append(out, eventnode.ChatSubscription{Topic: t.GetTopic(), NoPresence: t.GetNoPresence(), NoTyping: t.GetNoTyping()})
	}
	return out
}

func sessionFromProto(s *eventnodev1.ChatSession) eventnode.ChatSession {
	return eventnode.ChatSession{
		ID: s.GetId(), Node: eventnode.NodeID(s.GetNode()), User: s.GetUserId(), Bot: s.GetBot(), Shard: s.GetShard(), Shards: s.GetShards(),
		Intents: s.GetIntents(), Since: s.GetSince().AsTime(), Sequence: s.GetSequence(), Attached: s.GetAttached(),
		KeptEvents: int(s.GetKeptEvents()), KeptBytes: s.GetKeptBytes(), Status: s.GetStatus(),
		Topics: int(s.GetTopics()), Subscriptions: subscriptionsFromProto(s.GetSubscriptions()),
	}
}

func changedFromProto(r *eventnodev1.ChatServiceChangeResponse) (eventnode.ChatChanged, error) {
	at, err := eventnode.ParsePosition(r.GetPosition())
	if err != nil {
		return eventnode.ChatChanged{}, fmt.Errorf("the changes were made, but the node says where in a way that this program does not know: %w", err)
	}
	c := eventnode.ChatChanged{Position: at, Missing: convert.NodeIDsFromProto(r.GetMissing())}
	for _, refused := range r.GetRefused() {
		c.Refused = append(c.Refused, eventnode.ChatRefused{
			Index: int(refused.GetIndex()), Err: apierr.FromReason(refused.GetReason(), refused.GetMessage(), nil),
		})
	}
	return c, nil
}
