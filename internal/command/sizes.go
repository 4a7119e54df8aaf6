package command

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// sized writes a number of bytes for people.
func sized(n uint64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, suffix := float64(n)/unit, "KiB"
	for _, next := range []string{"MiB", "GiB", "TiB", "PiB"} {
		if value < unit {
			break
		}
		value, suffix = value/unit, next
	}
	return fmt.Sprintf("%.1f %s", value, suffix)
}

// stageLine is how often long work says how far it is where that is not a terminal.
const stageLine = 5 * time.Second

// stages shows on stderr how far long work is: one line that changes on a terminal,
// elsewhere a line every few seconds, as JSON with --json.
type stages struct {
	a        *app
	terminal io.Writer // nil: it is none
	last     time.Time
	what     string
}

func (a *app) stages() *stages {
	s := &stages{a: a, last: time.Now()}
	if f, ok := a.stderr.(*os.File); ok && !a.json && term.IsTerminal(int(f.Fd())) {
		s.terminal = f
	}
	return s
}

// show shows that so many bytes of about so many are done, if it is time.
func (s *stages) show(what string, done, total uint64) {
	every := stageLine
	if s.terminal != nil {
		every = progressEvery
	}
	if time.Since(s.last) < every && (what == s.what || s.terminal == nil) {
		return
	}
	s.last, s.what = time.Now(), what
	percent := 100.0
	if total > 0 {
		percent = min(100*float64(done)/float64(total), 100)
	}
	if s.terminal != nil {
		fmt.Fprintf(s.terminal, "\r\033[K%s: %s of %s, %.0f %%", what, sized(done), sized(total), percent)
		return
	}
	s.a.notice(map[string]any{"progress": what, "done_bytes": done, "total_bytes": total}, "%s: %s of %s, %.0f %%", what, sized(done), sized(total), percent)
}

// clear takes the line away.
func (s *stages) clear() {
	if s.terminal != nil {
		fmt.Fprint(s.terminal, "\r\033[K")
	}
}
