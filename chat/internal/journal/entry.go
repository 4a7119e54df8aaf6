package journal

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/sessions"
)

// maxSeq bounds the numbers of a session's events: sums of them are numbers still.
const maxSeq = 1 << 62

// Decode reads an entry. What is wrong with it wraps eventnode.ErrInvalidArgument.
func Decode(data []byte) (*storagev1.ChatEntry, error) {
	e := &storagev1.ChatEntry{}
	if err := proto.Unmarshal(data, e); err != nil {
		return nil, fmt.Errorf("no entry of a session journal: %w: %w", eventnode.ErrInvalidArgument, err)
	}
	if e.GetLife() == 0 {
		return nil, fmt.Errorf("an entry of no life of a node: %w", eventnode.ErrInvalidArgument)
	}
	for i, item := range e.GetItems() {
		if err := check(item); err != nil {
			return nil, fmt.Errorf("item %d: %w: %w", i, eventnode.ErrInvalidArgument, err)
		}
	}
	return e, nil
}

// check says what is wrong with an item. One of a kind that is not known is fine.
func check(item *storagev1.ChatItem) error {
	switch what := item.GetItem().(type) {
	case *storagev1.ChatItem_Sent:
		return checkPairs(what.Sent.GetPairs())
	case *storagev1.ChatItem_Opened:
		o := what.Opened
		if o.GetSessionId() == "" || o.GetSeq() >= maxSeq || o.GetSinceMs() < 0 {
			return fmt.Errorf("session %.40q with %d events, settled until %d", o.GetSessionId(), o.GetSeq(), o.GetSinceMs())
		}
	case *storagev1.ChatItem_Dispatched:
		if len(what.Dispatched.GetRequest().GetTopics()) == 0 {
			return fmt.Errorf("event %d was dispatched to nobody", what.Dispatched.GetNumber())
		}
	}
	return nil
}

func checkPairs(pairs []uint64) error {
	if len(pairs)%2 != 0 {
		return fmt.Errorf("%d numbers are no pairs", len(pairs))
	}
	for i := 1; i < len(pairs); i += 2 {
		if seq := pairs[i]; seq == 0 || seq >= maxSeq {
			return fmt.Errorf("event %d of a session: they are numbered from 1 on", seq)
		}
	}
	return nil
}

// eventOf is an event that a node made by itself; nil: its payload is not there.
func eventOf(m *storagev1.ChatMade) *sessions.Event {
	if m.GetTooLarge() {
		return nil
	}
	o := sessions.Origin{Node: m.GetOrigin(), Number: m.GetNumber()}
	return &sessions.Event{Type: m.GetType(), Data: m.GetData(), State: m.GetState(), Origin: o, View: o != sessions.Origin{}}
}
