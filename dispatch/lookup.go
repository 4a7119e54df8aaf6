package dispatch

import (
	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// noTopic is why an event that goes nowhere is refused.
const noTopic = "it is missing: an event needs at least one"

// lookup appends where the topics of a run go to views, each once, checking
// those that nobody here has checked yet. Good topics are found without being
// parsed or copied.
func (d *Dispatcher) lookup(views []*view, topics wire.Topics) ([]*view, error) {
	n := 0
	for t := range topics.All() {
		if n++; n > d.cfg.MaxTopicsPerEvent {
			return nil, &eventnode.LimitError{Limit: "max_topics_per_event", Max: d.cfg.MaxTopicsPerEvent, Got: topics.Len()}
		}
		var err error
		if views, err = d.lookupTopic(views, str(t)); err != nil {
			return nil, err
		}
	}
	if n == 0 {
		return nil, &eventnode.TopicError{Reason: noTopic}
	}
	return views, nil
}

// lookupTopic appends where one topic goes.
func (d *Dispatcher) lookupTopic(views []*view, topic string) ([]*view, error) {
	v := d.table.find(topic)
	if v == nil || v.class != classTopic {
		if err := d.parse(topic); err != nil {
			return nil, err
		}
	}
	return d.table.appendViews(views, v, topic), nil
}

// lookupKnown is lookup for what another node has checked: topics that nobody
// wants are nothing.
func (d *Dispatcher) lookupKnown(views []*view, topics wire.Topics) []*view {
	for t := range topics.All() {
		views = d.table.views(views, str(t))
	}
	return views
}

// lookupStrings is lookup for topics that were not encoded yet.
func (d *Dispatcher) lookupStrings(topics []string) (views []*view, err error) {
	if len(topics) == 0 {
		return nil, &eventnode.TopicError{Reason: noTopic}
	}
	if len(topics) > d.cfg.MaxTopicsPerEvent {
		return nil, &eventnode.LimitError{Limit: "max_topics_per_event", Max: d.cfg.MaxTopicsPerEvent, Got: len(topics)}
	}
	for _, t := range topics {
		if views, err = d.lookupTopic(views, t); err != nil {
			return nil, err
		}
	}
	return views, nil
}
