package cache

import (
	"context"
	"iter"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/discord"
)

// At is discord.At.
func At(t time.Time) Snowflake { return discord.At(t) }

// Window is some messages.
type Window = eventnode.CacheWindow

// Messages implements eventnode.Cache.
func (c *Cache) Messages(ctx context.Context, channel Snowflake, w Window) iter.Seq2[*discord.Message, error] {
	return func(yield func(*discord.Message, error) bool) {
		if err := (Range{Kind: Message, In: channel, From: w.From, To: w.To}).Check(); err != nil {
			yield(nil, err)
			return
		}
		c.messages(ctx, channel, w, yield)
	}
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
