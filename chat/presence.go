package chat

import (
	"bytes"

	"github.com/eventnode/eventnode/sessions"
)

// seen is a presence as others see it: who is invisible is offline, and who is offline
// does nothing.
func seen(p sessions.Presence) sessions.Presence {
	if p.Status <= sessions.Invisible {
		return sessions.Presence{}
	}
	return p
}

// mergePresences is one user's presence over several sessions: the best status, and what
// is being played in any of them; of several the first.
func mergePresences(all []sessions.Presence) sessions.Presence {
	var merged sessions.Presence
	for _, p := range all {
		p = seen(p)
		if p.Status > merged.Status {
			merged.Status, merged.Since, merged.AFK = p.Status, p.Since, p.AFK
		}
		if len(merged.Activities) == 0 && plays(p) {
			merged.Activities = p.Activities
		}
	}
	return merged
}

// plays reports whether there is an activity.
func plays(p sessions.Presence) bool {
	list := bytes.TrimSpace(p.Activities)
	return len(list) > 2 && !bytes.Equal(list, []byte("null"))
}

// samePresence reports whether others see no difference.
func samePresence(a, b sessions.Presence) bool {
	return a.Status == b.Status && bytes.Equal(a.Activities, b.Activities)
}
