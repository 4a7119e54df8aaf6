package link

import (
	"strings"
	"unicode/utf8"

	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// maxDropTopic is the longest topic for which drops are counted, in bytes; it
// bounds, with Config.MaxDropTopics, the size of a notice.
const maxDropTopic = 1024

// drops counts what was dropped at one place of a lane.
type drops struct {
	topics map[string]uint64
	others uint64 // events of topics beyond the bound
}

// add counts n events of topic. A topic that is new takes a place in room,
// which it shares with the lane's other notices; without one it is counted
// among the others. It returns the places taken.
func (d *drops) add(topic string, n uint64, room int) int {
	if n == 0 {
		return 0
	}
	if _, known := d.topics[topic]; known {
		d.topics[topic] += n
		return 0
	}
	if room <= 0 || topic == "" || len(topic) > maxDropTopic || !utf8.ValidString(topic) {
		d.others += n
		return 0
	}
	if d.topics == nil {
		d.topics = make(map[string]uint64)
	}
	d.topics[strings.Clone(topic)] = n
	return 1
}

// merge counts what it held or told, and returns the places taken.
func (d *drops) merge(it item, room int) int {
	if it.drops == nil {
		return d.add(it.topic, uint64(it.count), room)
	}
	d.others += it.drops.others
	taken := 0
	for topic, n := range it.drops.topics {
		taken += d.add(topic, n, room-taken)
	}
	return taken
}

// message is what the receiver is told.
func (d *drops) message() *clusterv1.Dropped {
	m := &clusterv1.Dropped{Others: d.others}
	for topic, n := range d.topics {
		m.Topics = append(m.Topics, &clusterv1.TopicDrops{Topic: topic, Count: n})
	}
	return m
}
