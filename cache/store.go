package cache

import (
	"context"
	"encoding/json"
)

// Reader is where values are read. Its methods may be called by several goroutines.
type Reader interface {
	// Read is a value, or ErrNotFound. It belongs to the store: nobody changes it.
	Read(ctx context.Context, key Key) (json.RawMessage, error)
	// List is the first entries of a range, in the order of their ids. Who wants more asks
	// again from behind the last one on, until there are fewer than Range.Limit.
	List(ctx context.Context, r Range) ([]Entry, error)
	// Places are the first things, from one on, that values of a kind belong to, in order:
	// such as the channels that messages are kept of. At most MaxPage.
	Places(ctx context.Context, kind Kind, from Snowflake) ([]Snowflake, error)
}

// Store is where values are kept. It may forget any of them at any time, but has no other
// than the newest.
//
// A value that is put belongs to the store from then on, and one that was read stays as it
// is: neither changes.
type Store interface {
	Reader
	// Put sets a value and is what it was before; nil: there was none.
	Put(ctx context.Context, key Key, value json.RawMessage) (old json.RawMessage, err error)
	// Fill is Put of many, for who does not ask what was before. When it fails, some of
	// them may be set.
	Fill(ctx context.Context, entries []Entry) error
	// Delete removes a value and is what it was; nil: there was none.
	Delete(ctx context.Context, key Key) (old json.RawMessage, err error)
	// Clear removes all values of a kind that belong to something.
	Clear(ctx context.Context, kind Kind, in Snowflake) error
}

// None is a Store that keeps nothing.
type None struct{}

var _ Store = None{}

// Read is ErrNotFound.
func (None) Read(context.Context, Key) (json.RawMessage, error) { return nil, ErrNotFound }

// List is empty.
func (None) List(context.Context, Range) ([]Entry, error) { return nil, nil }

// Places is empty.
func (None) Places(context.Context, Kind, Snowflake) ([]Snowflake, error) { return nil, nil }

// Put forgets the value.
func (None) Put(context.Context, Key, json.RawMessage) (json.RawMessage, error) { return nil, nil }

// Fill forgets the values.
func (None) Fill(context.Context, []Entry) error { return nil }

// Delete does nothing.
func (None) Delete(context.Context, Key) (json.RawMessage, error) { return nil, nil }

// Clear does nothing.
func (None) Clear(context.Context, Kind, Snowflake) error { return nil }
