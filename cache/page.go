package cache

import (
	"context"
	"encoding/json"
	"fmt"
)

// PageBytes is about how much a page has at most: one value more, if that is the first.
const PageBytes = 1 << 20

// Value is a value's JSON, of a key that somebody else has made. Whole: as Whole has it; and a
// channel is found without its guild then, with an In of 0.
func (c *Cache) Value(ctx context.Context, key Key, whole bool) (json.RawMessage, error) {
	if err := key.Check(); err != nil {
		return nil, err
	}
	from := c.reader
	if whole {
		from = c.whole
	}
	if whole && key.Kind == Channel && key.In == 0 {
		var err error
		if key.In, err = c.ChannelGuild(ctx, key.ID); err != nil {
			return nil, err
		}
	}
	value, err := from.Read(ctx, key)
	c.metrics.read(key.Kind, err)
	if err == nil {
		err = fits(key, value)
	}
	if err != nil {
		return nil, fmt.Errorf("%v: %w", key, err)
	}
	return value, nil
}

// Query is what a page is asked for.
type Query struct {
	Range
	// Author is whose messages are wanted; 0: anybody's.
	Author Snowflake
	// Whole has members with their users.
	Whole bool
	// Bare leaves the values out.
	Bare bool
}

// Page is the first of a range that somebody else has made, and where the next page begins; 0:
// there is none. A page may be empty, and have one behind it.
func (c *Cache) Page(ctx context.Context, q Query) (entries []Entry, next Snowflake, err error) {
	if err := q.Check(); err != nil {
		return nil, 0, err
	}
	if q.Author != 0 && q.Kind != Message {
		return nil, 0, invalid("a %v has no author", q.Kind)
	}
	from := c.reader
	if q.Whole {
		from = c.whole
	}
	all, err := from.List(ctx, q.Range)
	if err != nil {
		return nil, 0, fmt.Errorf("%vs of %v: %w", q.Kind, q.In, err)
	}
	if len(all) > 0 && len(all) == q.most() {
		next = all[len(all)-1].Key.ID + 1
	}
	if next == q.To {
		next = 0 // nothing is left of the range
	}
	size := 0
	for i, e := range all {
		if q.Author != 0 && author(e.Value) != q.Author {
			continue
		}
		if q.Bare {
			e.Value = nil
		}
		if size += len(e.Value); i > 0 && size > PageBytes {
			return entries, e.Key.ID, nil
		}
		if err := fits(e.Key, e.Value); err != nil {
			return nil, 0, err
		}
		entries = append(entries, e)
	}
	return entries, next, nil
}

// PlacesPage is the first things that values of a kind belong to, from one on, and where the
// next page begins; 0: there is none.
func (c *Cache) PlacesPage(ctx context.Context, kind Kind, from Snowflake) (places []Snowflake, next Snowflake, err error) {
	if int(kind) >= Kinds {
		return nil, 0, checkIn(kind, 0)
	}
	if places, err = c.reader.Places(ctx, kind, from); err != nil {
		return nil, 0, fmt.Errorf("what there are %vs of: %w", kind, err)
	}
	if len(places) == MaxPage {
		next = places[MaxPage-1] + 1
	}
	return places, next, nil
}
