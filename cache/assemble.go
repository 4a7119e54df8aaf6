package cache

import (
	"context"
	"encoding/json"
	"errors"
	"iter"

	"github.com/eventnode/eventnode/internal/jsonscan"
)

// all ranges over all of a range, a page at a time.
func all(ctx context.Context, from Reader, r Range) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for {
			page, err := from.List(ctx, r)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
				r.From = e.Key.ID + 1
			}
			if len(page) < r.most() || r.From == 0 {
				return
			}
		}
	}
}

// optional is a value, nil if it is not there.
func optional(ctx context.Context, from Reader, key Key) (json.RawMessage, error) {
	value, err := from.Read(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return value, err
}

// guildObject is a guild as GUILD_UPDATE has it, of its own members: with roles, emojis and
// stickers, and with the count of its members.
func guildObject(ctx context.Context, from Reader, guild Snowflake, own json.RawMessage) (json.RawMessage, error) {
	out, err := openGuild(ctx, from, guild, own)
	return closed(out), err
}

func openGuild(ctx context.Context, from Reader, guild Snowflake, own json.RawMessage) (json.RawMessage, error) {
	out := append(make(json.RawMessage, 0, 2*len(own)), open(own)...)
	for _, part := range []struct {
		kind Kind
		name string
	}{{MemberCount, "member_count"}, {Emojis, "emojis"}, {Stickers, "stickers"}} {
		value, err := optional(ctx, from, Key{Kind: part.kind, ID: guild})
		switch {
		case err != nil:
			return nil, err
		case value != nil:
			out = appendMember(out, []byte(part.name), value)
		}
	}
	roles, err := listOf(ctx, from, Range{Kind: Role, In: guild}, nil)
	if err != nil {
		return nil, err
	}
	return appendMember(out, []byte("roles"), roles), nil
}

// wholeGuild is a guild with its channels and threads, too: those of the latter are apart.
func wholeGuild(ctx context.Context, from Reader, guild Snowflake, own json.RawMessage) (json.RawMessage, error) {
	out, err := openGuild(ctx, from, guild, own)
	if err != nil {
		return nil, err
	}
	for _, threads := range []bool{false, true} {
		list, err := listOf(ctx, from, Range{Kind: Channel, In: guild}, func(channel []byte) bool { return isThread(channel) == threads })
		if err != nil {
			return nil, err
		}
		name := "channels"
		if threads {
			name = "threads"
		}
		out = appendMember(out, []byte(name), list)
	}
	return closed(out), nil
}

// isThread reports whether a channel is a thread, by the protocol's numbers.
func isThread(channel []byte) bool {
	for m := jsonscan.Object(channel); m.Next(); {
		if string(m.Key) == "type" {
			t := string(m.Value)
			return t == "10" || t == "11" || t == "12"
		}
	}
	return false
}

// listOf is those of a range's values that are wanted, as a JSON list.
func listOf(ctx context.Context, from Reader, r Range, wanted func([]byte) bool) (json.RawMessage, error) {
	list := json.RawMessage{'['}
	for e, err := range all(ctx, from, r) {
		if err != nil {
			return nil, err
		}
		if wanted != nil && !wanted(e.Value) {
			continue
		}
		if len(list) > 1 {
			list = append(list, ',')
		}
		list = append(list, e.Value...)
	}
	return append(list, ']'), nil
}
