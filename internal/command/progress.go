package command

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progressEvery is how often progress is shown.
const progressEvery = 200 * time.Millisecond

// progress shows a growing number on a terminal; elsewhere nothing.
type progress struct {
	w     io.Writer // nil: no terminal
	start time.Time
	last  time.Time
}

// newProgress shows progress on w if that is a terminal.
func newProgress(w io.Writer) *progress {
	p := &progress{start: time.Now(), last: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.w = w
	}
	return p
}

// show shows that n events were handed over, if it is time.
func (p *progress) show(n int) {
	if n%256 == 0 {
		p.now(uint64(n))
	}
}

// now is show of any number.
func (p *progress) now(n uint64) {
	if p.w == nil || time.Since(p.last) < progressEvery {
		return
	}
	p.last = time.Now()
	rate := float64(n) / p.last.Sub(p.start).Seconds()
	fmt.Fprintf(p.w, "\r\033[K%d events, %.0f/s", n, rate)
}

// clear takes the line away.
func (p *progress) clear() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\033[K")
	}
}
