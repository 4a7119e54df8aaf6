package dispatch

import (
	"github.com/eventnode/eventnode/internal/permit"
	"github.com/eventnode/eventnode/internal/wire"
)

// permitted says why a publisher's caller may not dispatch to topics; nil if it may. A run
// of events for the same topics is asked about once.
func (p *Publisher) permitted(topics wire.Topics) error {
	if p.names == nil {
		return nil
	}
	for topic := range topics.All() {
		if err := p.names.May(topic); err != nil {
			return err
		}
	}
	return nil
}

// allPermitted says why a caller may not use one of the topics; nil if it may.
func allPermitted(names *permit.Names, topics []string) error {
	if names == nil {
		return nil
	}
	for _, topic := range topics {
		if err := names.May([]byte(topic)); err != nil {
			return err
		}
	}
	return nil
}
