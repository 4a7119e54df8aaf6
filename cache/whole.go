package cache

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/eventnode/eventnode"
)

// MaxValueBytes is how large a value may be that is looked up, in bytes: it has to fit into one
// answer, wherever it comes from.
const MaxValueBytes = 3 << 20

// Whole is a Reader that puts values together of what another one keeps apart: a guild has its
// roles, emojis, stickers, channels and threads, and how many members; a member has the guild's
// id, and the user if that is known. Of a list only members are whole. All else is as it is.
//
// It is best near the values, for one of many parts is many reads: see Config.Whole.
type Whole struct{ From Reader }

var _ Reader = Whole{}

// Read implements Reader. What is too large fails with ErrLimit.
func (w Whole) Read(ctx context.Context, key Key) (json.RawMessage, error) {
	value, err := w.From.Read(ctx, key)
	if err == nil {
		switch key.Kind {
		case Guild:
			value, err = wholeGuild(ctx, w.From, key.ID, value)
		case Member:
			value, err = wholeMember(ctx, w.From, key, value)
		default: // it has no parts
		}
	}
	if err == nil {
		err = fits(key, value)
	}
	if err != nil {
		return nil, err
	}
	return value, nil
}

// List implements Reader.
func (w Whole) List(ctx context.Context, r Range) ([]Entry, error) {
	entries, err := w.From.List(ctx, r)
	if err != nil || r.Kind != Member {
		return entries, err
	}
	out := make([]Entry, len(entries)) // the others are the store's
	for i, e := range entries {
		out[i].Key = e.Key
		if out[i].Value, err = wholeMember(ctx, w.From, e.Key, e.Value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Places implements Reader.
func (w Whole) Places(ctx context.Context, kind Kind, from Snowflake) ([]Snowflake, error) {
	return w.From.Places(ctx, kind, from)
}

// wholeMember is a member with the guild and the user.
func wholeMember(ctx context.Context, from Reader, key Key, own json.RawMessage) (json.RawMessage, error) {
	user, err := optional(ctx, from, Key{Kind: User, ID: key.ID})
	if err != nil {
		return nil, err
	}
	out := append(make(json.RawMessage, 0, len(own)+len(user)+48), open(own)...)
	out = appendMember(out, []byte("guild_id"), quoted(key.In))
	if user != nil {
		out = appendMember(out, []byte("user"), user)
	}
	return closed(out), nil
}

// fits checks how large a value is.
func fits(key Key, value json.RawMessage) error {
	if len(value) <= MaxValueBytes {
		return nil
	}
	return fmt.Errorf("%v, ask for its parts: %w", key, &eventnode.LimitError{Limit: "max_cache_value_bytes", Max: MaxValueBytes, Got: len(value)})
}
