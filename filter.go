package eventnode

import (
	"fmt"
	"maps"
	"slices"

	"github.com/eventnode/eventnode/event"
)

// Filter is what a subscription wants of the events of its topics. The node applies it:
// what does not match is not sent. The zero Filter wants everything.
type Filter struct {
	// Names are those of the events wanted, as they stand. None: any.
	Names []string
	// Meta is what an event's metadata must hold, each key with just that value.
	Meta map[string]string
}

// The limits of a Filter.
const (
	MaxFilterNames = 64
	MaxFilterMeta  = 16
	// MaxFilterMetaBytes bounds one key with its value.
	MaxFilterMetaBytes = 1024
)

// IsZero reports whether the filter wants everything.
func (f Filter) IsZero() bool { return len(f.Names) == 0 && len(f.Meta) == 0 }

// Match reports whether the filter wants an event.
func (f Filter) Match(ev event.Event) bool {
	if len(f.Names) > 0 && !slices.Contains(f.Names, ev.Name) {
		return false
	}
	for key, value := range f.Meta {
		if got, ok := ev.Meta[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// Check refuses what no event can match, and more than the limits: a *LimitError, or
// ErrInvalidArgument.
func (f Filter) Check() error {
	switch {
	case len(f.Names) > MaxFilterNames:
		return &LimitError{Limit: "max_filter_names", Max: MaxFilterNames, Got: len(f.Names)}
	case len(f.Meta) > MaxFilterMeta:
		return &LimitError{Limit: "max_filter_meta", Max: MaxFilterMeta, Got: len(f.Meta)}
	}
	for _, name := range f.Names {
		if name == "" || len(name) > event.MaxName {
			return fmt.Errorf("a filter's name has 1 to %d bytes, not %d: %w", event.MaxName, len(name), ErrInvalidArgument)
		}
	}
	for key, value := range f.Meta {
		switch {
		case key == "":
			return fmt.Errorf("a filter's metadata has an empty key: %w", ErrInvalidArgument)
		case len(key)+len(value) > MaxFilterMetaBytes:
			return &LimitError{Limit: "max_filter_meta_bytes", Max: MaxFilterMetaBytes, Got: len(key) + len(value)}
		}
	}
	return nil
}

// WithFilter sets the whole filter.
func WithFilter(f Filter) SubscribeOption {
	return func(o *SubscribeOptions) { o.Filter = Filter{slices.Clone(f.Names), maps.Clone(f.Meta)} }
}

// WithNames has a subscription get only events of these names; given again, of those too.
// See [Filter].
func WithNames(names ...string) SubscribeOption {
	return func(o *SubscribeOptions) { o.Filter.Names = append(o.Filter.Names, names...) }
}

// WithMetaValue has a subscription get only events whose metadata has this value under this
// key; given again, that too. See [Filter].
func WithMetaValue(key, value string) SubscribeOption {
	return func(o *SubscribeOptions) {
		if o.Filter.Meta == nil {
			o.Filter.Meta = make(map[string]string, 1)
		}
		o.Filter.Meta[key] = value
	}
}
