package faults_test

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode/test/cluster"
)

// errNoAck: nothing was acked in a time.
var errNoAck = errors.New("no publish was acked")

// clearWords is what a node says that stops because of its data.
var clearWords = regexp.MustCompile(`damage|gone|missing|no identity|checksum|corrupt|floor|belongs to|holds no`)

// clearWord checks that a node that stopped by itself has said why.
func (w *world) clearWord(name, what string) {
	w.t.Helper()
	log := w.Node(name).Log()
	end := log[max(0, len(log)-600):]
	if !clearWords.MatchString(end) {
		w.t.Errorf("%s stopped after %s, and its last words do not say why: %s", name, what, end)
		return
	}
	w.t.Logf("%s: stopped: %s", what, clearWords.FindString(end))
}

// kind is what a file in a data directory is.
type kind struct {
	name    string
	pattern string // of the base name
}

// kinds are all that there are; a file of no kind fails the test, so that a new one
// is thought of.
func kinds() []kind {
	return []kind{
		{"epoch", `^epoch`},
		{"identity", `^identity$`},
		{"founding", `^founding$`},
		{"promises of peers", `^(floor|peer)`},
		{"lock", `(?i)^(lock|.*\.lock)$`},
		{"log segment", `\.wal$`},
		{"log list", `^raftlog\.meta$`},
		{"snapshot", `^snapshot$`},
		{"state table", `\.sst$`},
		{"state manifest", `^MANIFEST-`},
		{"state options", `^OPTIONS-`},
		{"state marker", `^marker\.`},
		{"state log", `^[0-9]+\.log$`},
	}
}

func kindOf(file string) (string, bool) {
	for _, k := range kinds() {
		if regexp.MustCompile(k.pattern).MatchString(path.Base(file)) {
			return k.name, true
		}
	}
	return "", false
}

// damage is what is done to a file. It reports false if it cannot be done.
type damage struct {
	name string
	do   func(w *world, n *cluster.Node, file string) bool
}

func damages() []damage {
	return []damage{
		{"a byte flipped in", func(w *world, n *cluster.Node, file string) bool {
			used := usedLen(n.ReadFile(file))
			if used == 0 {
				return false
			}
			n.Flip(file, int64(w.rnd.IntN(used)))
			return true
		}},
		{"the end cut off", func(w *world, n *cluster.Node, file string) bool {
			used := usedLen(n.ReadFile(file))
			if used < 2 {
				return false
			}
			n.Truncate(file, int64(used/2))
			return true
		}},
		{"removed:", func(_ *world, n *cluster.Node, file string) bool {
			n.RemoveFile(file)
			return true
		}},
	}
}

// usedLen is the length of a file without the zeros at its end, which are room that
// was not used yet.
func usedLen(b []byte) int {
	n := len(b)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return n
}

// One file of a node that was killed is damaged, of each kind in each way: it stops
// with a clear word, or goes on with the right state, be it a new one from its peers.
//
// The short form does one thing, by chance, to each kind of file.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	w.bulk(96) // so much that the state has tables
	n := w.Node("n3")
	w.Kill("n3")
	byKind := map[string]string{}
	for _, file := range n.Files() {
		k, known := kindOf(file)
		if !known {
			t.Errorf("%s is a file of no kind that this test knows", file)
		}
		byKind[k] = file // the last one: the log's segment that is written to, the newest table
	}
	t.Logf("files: %v", byKind)
	for _, k := range kinds() {
		file, there := byKind[k.name]
		if !there {
			continue
		}
		all := damages()
		chosen := w.rnd.IntN(len(all))
		for i, d := range all {
			if long() || i == chosen {
				w.damage(n, file, d)
			}
		}
	}
	w.finish()
}

// takesPart is in the log of a node when its replica has opened all its files.
const takesPart = `msg="entering follower state"`

// damage does one thing to one file of a killed node, looks what comes of it, and
// leaves the node killed with all its files well.
func (w *world) damage(n *cluster.Node, file string, d damage) {
	w.t.Helper()
	if !slices.Contains(n.Files(), file) {
		return // a restart has made another one of it
	}
	what := fmt.Sprintf("%s %s", d.name, file)
	good := n.ReadFile(file)
	if !d.do(w, n, file) {
		return
	}
	begun := strings.Count(n.Log(), takesPart)
	if err := w.TryRestart(n.Name()); err == nil {
		w.Eventually(30*time.Second, func() error {
			if n.Ended() || strings.Count(n.Log(), takesPart) > begun {
				return nil
			}
			return fmt.Errorf("%s: the node runs, and its replica does not", what)
		})
		w.progress(what)
	}
	if n.Ended() {
		w.clearWord(n.Name(), what)
		w.Kill(n.Name())
		n.WriteFile(file, good)
		return
	}
	w.t.Logf("%s: goes on", what)
	w.Kill(n.Name())
}

// A table of the state is damaged where nobody looks at once, and its replica leads:
// it never serves anything else than what was published, and when somebody has found
// the damage another leads, so that the stream can be read again.
func TestDamagedTableLeads(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	w.bulk(96)
	w.Kill("n3")
	n := w.Node("n3")
	for _, file := range n.Files() {
		if k, _ := kindOf(file); k == "state table" {
			for range 8 {
				n.Flip(file, int64(w.rnd.IntN(len(n.ReadFile(file)))))
			}
		}
	}
	if err := w.TryRestart("n3"); err == nil {
		w.tryToLead(n)
	}
	w.Eventually(3*time.Minute, func() error {
		read, err := w.readAll(30 * time.Second)
		for _, s := range read {
			w.load.history.read(fmt.Sprintf("reader until %v", w.load.history.now()), s)
		}
		if err != nil {
			w.t.Logf("%v: read %d events, then: %v", w.load.history.now(), len(read), err)
		}
		return err
	})
	if n.Ended() {
		w.clearWord("n3", "flipped tables")
	}
	w.Kill("n3") // whatever it holds, the others serve
	w.out["n3"] = true
	w.finish()
}

// tryToLead restarts the other nodes until n leads, some times at most.
func (w *world) tryToLead(n *cluster.Node) {
	w.t.Helper()
	for range 6 {
		if n.Ended() {
			return
		}
		leader := w.Leader(stream)
		if leader == n {
			w.t.Logf("%s leads", n.Name())
			return
		}
		w.Kill(leader.Name())
		_ = w.acksWithin(3 * time.Second) // perhaps n leads now, perhaps it has ended
		w.Restart(leader.Name())
	}
}

// A byte of an entry is flipped in the log of a replica that was killed, whose state
// is to be made again of that log: it is found before the entry is applied.
func TestFlippedEntry(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	for range rounds() {
		n := w.Followers(stream)[0]
		w.waitFor(500 * time.Millisecond)
		w.Kill(n.Name())
		var segment string
		for _, file := range n.Files() {
			if isSegment(file) {
				segment = file
				break
			}
		}
		good := n.ReadFile(segment)
		used := usedLen(good)
		// In the data of an event, which only a checksum guards. It follows the name.
		name := bytes.LastIndex(good[:used/2+w.rnd.IntN(used/4)], []byte("n1/"))
		if name < 0 {
			t.Fatal("the log has no event of n1's producer")
		}
		n.Flip(segment, int64(name+24))
		if err := w.TryRestart(n.Name()); err == nil {
			w.progress("with a flipped entry")
		}
		w.Eventually(10*time.Second, func() error {
			if !strings.Contains(n.Log(), "damaged log") {
				return fmt.Errorf("%s uses a log in which an entry has changed", n.Name())
			}
			return nil
		})
		w.Kill(n.Name())
		if file := n.Files(); slices.Contains(file, segment) {
			n.WriteFile(segment, good) // it has written nothing since
		}
		w.Restart(n.Name())
	}
	w.finish()
}
