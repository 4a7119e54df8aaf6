package cache

import (
	"context"
	"errors"
	"slices"

	"github.com/eventnode/eventnode/internal/jsonscan"
	"github.com/eventnode/eventnode/source"
)

// presencesReplace is a list of presences, the newest of each user and guild: what a gateway
// sums up of those that who resumes has missed. It stays, and each becomes what it would have
// become alone. Otherwise what is kept would be older than what the source has said.
func (c *Cache) presencesReplace(ctx context.Context, p source.Payload) (*change, error) {
	made := changed(event{name: p.Name})
	for l := jsonscan.List(p.Data); l.Next(); {
		one, err := c.presenceUpdate(ctx, source.Payload{Name: "PRESENCE_UPDATE", Data: slices.Clone(l.Value), Origin: p.Origin})
		switch {
		case errors.Is(err, ErrMalformed):
			c.metrics.skipped.Inc()
			continue
		case err != nil:
			return made, err
		}
		made.events = append(made.events, one.events...)
	}
	return made, nil
}
