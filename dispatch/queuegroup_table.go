package dispatch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventnode/eventnode"
)

// A queue group has a route of its own for each topic and pattern of its members, beside the
// topic's own and in the same shard. Its key, which is also what the node announces, is the
// topic, a space and the group's name: no topic has a space. The view of the topic lists the
// views of its queue groups, so who looks a topic up sees them, and what has none costs nothing.

// queueKey is the key of a topic or pattern for members of a group; of none it is the topic.
func queueKey(topic, group string) string {
	if group == "" {
		return topic
	}
	return topic + " " + group
}

// cutQueueKey is the reverse of queueKey.
func cutQueueKey(key string) (topic, group string) {
	topic, group, _ = strings.Cut(key, " ")
	return topic, group
}

// findKey is find for a topic or a queue group's key.
func (t *table) findKey(key string) *view {
	s := t.home(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if r := s.routes[key]; r != nil {
		return r.view
	}
	return nil
}

// route returns the route of a key, which it makes if necessary; c is what the topic is. The
// caller holds the lock.
func (s *shard) route(key string, c class) *route {
	topic, group := cutQueueKey(key)
	base := s.topicRoute(topic, c)
	if group == "" {
		return base
	}
	r := s.routes[key]
	if r == nil {
		r = &route{view: &view{topic: key, group: group}, base: base}
		base.children++
		s.routes[key] = r
	}
	return r
}

// set makes v the view of the route, also where its topic lists it. The caller holds the lock.
func (r *route) set(v *view) {
	r.view = v
	if r.base == nil {
		return
	}
	b := *r.base.view
	i := slices.IndexFunc(b.queues, func(q *view) bool { return q.group == v.group })
	nobody := len(v.peers) == 0 && len(v.chunks) == 0
	b.queues = slices.Clone(b.queues)
	switch {
	case i < 0 && !nobody:
		b.queues = append(b.queues, v)
	case i >= 0 && nobody:
		b.queues = slices.Delete(b.queues, i, i+1)
	case i >= 0:
		b.queues[i] = v
	}
	r.base.view = &b
}

// lingerOf is how long interest is kept without a subscription: that of a queue group, which is
// chosen among others, not at all.
func (d *Dispatcher) lingerOf(key string) time.Duration {
	if _, group := cutQueueKey(key); group != "" {
		return 0
	}
	return d.cfg.Linger
}

// checkQueueKeys refuses topics that are too long together with the group's name.
func (d *Dispatcher) checkQueueKeys(topics []string, group string) error {
	if group == "" {
		return nil
	}
	for _, t := range topics {
		if n := len(queueKey(t, group)); n > d.cfg.MaxTopicBytes {
			return &eventnode.TopicError{Topic: strings.Clone(t), Reason: fmt.Sprintf("with queue group %q it has %d bytes, more than max_topic_bytes (%d)", group, n, d.cfg.MaxTopicBytes)}
		}
	}
	return nil
}
