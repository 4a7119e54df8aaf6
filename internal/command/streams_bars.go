package command

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// The width of a bar, in characters, whatever the terminal's is; and that of a line
// where there is no terminal.
const (
	leastBar     = 10
	mostBar      = 60
	defaultWidth = 100
)

// terminalWidth is how many characters a line of w has room for.
func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return defaultWidth
}

// writeBars draws of each consumer group what it has done with the events that are
// stored.
func writeBars(w io.Writer, stored uint64, groups []consumerGroupJSON, width int) {
	if len(groups) == 0 {
		return
	}
	fmt.Fprintf(w, "\n  consumer groups: # acked, = pending, . lag, of %s\n", plural(stored, "event"))
	longest, words := 0, make([]string, len(groups))
	wordy := 0
	for i, g := range groups {
		words[i] = fmt.Sprintf("%d pending, lag %d%s", g.Pending, g.Lag, g.since())
		longest, wordy = max(longest, len([]rune(g.Group))), max(wordy, len(words[i]))
	}
	longest = min(longest, 40)
	room := min(max(width-longest-wordy-len("    []  "), leastBar), mostBar)
	for i, g := range groups {
		fmt.Fprintf(w, "    %-*s [%s] %s\n", longest, g.Group, bar(stored, g.Pending, g.Lag, room), words[i])
	}
}

// since says when a group that has something to do was delivered something.
func (g *consumerGroupJSON) since() string {
	switch {
	case g.Lag == 0:
		return ""
	case g.Lagging && g.LastDelivered == nil:
		return ", LAGGING: never delivered any"
	case g.Lagging:
		return ", LAGGING: last delivered " + g.LastDelivered.ago()
	}
	return ""
}

// bar draws parts of stored events in so many characters: what is not pending and
// not lag is acked. A part that is not empty has one character at least.
func bar(stored, pending, lag uint64, width int) string {
	if stored == 0 {
		return strings.Repeat(" ", width)
	}
	lag = min(lag, stored)
	pending = min(pending, stored-lag) // what is gone may be pending still
	waiting, held := share(lag, stored, width), share(pending, stored, width)
	acked := width - waiting - held
	if least := share(min(1, stored-lag-pending), stored, width); acked < least {
		// The largest other part gives way.
		if waiting >= held {
			waiting -= least - acked
		} else {
			held -= least - acked
		}
		acked = least
	}
	return strings.Repeat("#", acked) + strings.Repeat("=", held) + strings.Repeat(".", waiting)
}

// share is a part of the whole in characters, rounded, and 1 at least if there is any.
func share(part, whole uint64, width int) int {
	if part == 0 {
		return 0
	}
	return max(1, int(float64(part)/float64(whole)*float64(width)+0.5))
}
