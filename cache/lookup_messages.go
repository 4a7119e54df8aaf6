package cache

import (
	"context"
	"iter"
	"time"

	"github.com/eventnode/eventnode/discord"
)

// epoch is when the protocol's ids begin, in milliseconds since 1970.
const epoch = 1_420_070_400_000

// At is the first id of a moment, for Window. Before 2015 it is 0.
func At(t time.Time) Snowflake { return Snowflake(max(t.UnixMilli()-epoch, 0)) << 22 }

// Window is some messages.
type Window struct {
	// Author is who has written them; 0: anybody.
	Author Snowflake
	// From is the first id, and To the one that they are all before; 0: there is none. See At.
	From, To Snowflake
}

// Messages are those of a channel, the oldest first.
func (c *Cache) Messages(ctx context.Context, channel Snowflake, w Window) iter.Seq2[*discord.Message, error] {
	return func(yield func(*discord.Message, error) bool) { c.messages(ctx, channel, w, yield) }
}

// messages yields those of a channel; false: no more is wanted.
func (c *Cache) messages(ctx context.Context, channel Snowflake, w Window, yield func(*discord.Message, error) bool) bool {
	for e, err := range all(ctx, c.reader, Range{Kind: Message, In: channel, From: w.From, To: w.To}) {
		if err == nil && w.Author != 0 && author(e.Value) != w.Author {
			continue
		}
		var m *discord.Message
		if err == nil {
			m, err = decode[discord.Message](e.Key, e.Value)
		}
		if !yield(m, err) || err != nil {
			return false
		}
	}
	return true
}

// author is who has written a message; 0: nobody.
func author(message []byte) Snowflake {
	if f, err := read(message); err == nil && !isNull(f.author) {
		return idOf(f.author)
	}
	return 0
}

// AllMessages are those of all channels, channel by channel. It looks at each message that
// is kept.
func (c *Cache) AllMessages(ctx context.Context, w Window) iter.Seq2[*discord.Message, error] {
	return func(yield func(*discord.Message, error) bool) {
		for from := Snowflake(0); ; {
			channels, err := c.reader.Places(ctx, Message, from)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, channel := range channels {
				if !c.messages(ctx, channel, w, yield) {
					return
				}
				from = channel + 1
			}
			if len(channels) < MaxPage || from == 0 {
				return
			}
		}
	}
}
