package journal

// sweeps is into how many parts the window is cut: at the end of each, sessions of which
// nothing was heard for a window are forgotten.
const sweeps = 16

// pairBytes is what an event in a session's log counts for.
const pairBytes = 8

// forget forgets what is too old, and what is too much.
func (x *Index) forget() {
	before := x.end.MS - x.cfg.Window.Milliseconds()
	n := 0
	for n < len(x.oldest) && (x.oldest[n].at.MS < before || x.bytes > x.cfg.Bytes) {
		x.drop(x.oldest[n])
		x.oldest[n] = nil
		n++
	}
	x.oldest = x.oldest[n:]
	if x.end.MS-x.swept > x.cfg.Window.Milliseconds()/sweeps {
		x.swept = x.end.MS
		x.sweep(before)
	}
}

// drop forgets an event. Logs that have it have a gap there.
func (x *Index) drop(t *thing) {
	x.bytes -= t.size
	t.gone, t.event = true, nil
	if x.things[t.origin] == t {
		delete(x.things, t.origin)
	}
	for _, topic := range t.request.GetTopics() {
		if users, ok := x.cfg.Audience(topic); ok {
			for _, u := range users {
				cut(x.byUser, u)
			}
		} else {
			cut(x.byTopic, topic)
		}
	}
	t.request = nil
}

// cut takes what is gone from the beginning of a list.
func cut[K comparable](lists map[K][]*thing, key K) {
	list := lists[key]
	n := 0
	for n < len(list) && list[n].gone {
		n++
	}
	if lists[key] = list[n:]; n == len(list) {
		delete(lists, key)
	}
}

// sweep forgets sessions that nobody has said anything of, and lives that are long over.
func (x *Index) sweep(before int64) {
	for id, l := range x.lives {
		for number, p := range l.parts {
			if p.trim(); p.last.MS < before {
				x.ended(l, number)
			}
		}
		if len(l.parts) == 0 && l.last.MS < before {
			delete(x.lives, id)
		}
	}
}
