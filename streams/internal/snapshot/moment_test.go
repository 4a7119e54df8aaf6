package snapshot_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/snapshot"
)

func dirsOf(t *testing.T, fs vfs.FS, dir, prefix string) (found []string) {
	t.Helper()
	names, err := fs.List(dir)
	must(t, err)
	for _, n := range names {
		if strings.HasPrefix(n, prefix) {
			found = append(found, n)
		}
	}
	return found
}

// A moment is what the state was, whatever is written later; two may be there, and
// none is left of them, nor of those that a crash left.
func TestMoment(t *testing.T) {
	fs := vfs.NewMem()
	r := mustReplica(t, fs)
	put(t, r.slot.get(), 1, 50, "a")
	m, err := r.Moment(t.Context())
	must(t, err)
	put(t, r.slot.get(), 51, 60, "a")
	other, err := r.Moment(t.Context())
	must(t, err)
	if m.Applied.Index != 50 || other.Applied.Index != 60 {
		t.Errorf("%v, %v", m.Applied, other.Applied)
	}
	if _, err := r.Moment(t.Context()); !errors.Is(err, snapshot.ErrBusy) {
		t.Errorf("a third: %v", err)
	}
	e, err := openPebble(fs, m.Dir)
	must(t, err)
	if at, _ := e.Applied(); at != m.Applied {
		t.Errorf("%v, want %v", at, m.Applied)
	}
	must(t, e.Close())
	m.Release()
	m.Release()
	if left := dirsOf(t, fs, "replica", "moment-"); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	must(t, r.close())
	damage := errors.New("damage")
	if err := other.Explain(damage); !errors.Is(err, snapshot.ErrClosed) || errors.Is(err, damage) {
		t.Errorf("after the store was closed: %v", err)
	}
	if _, err := r.Moment(t.Context()); !errors.Is(err, snapshot.ErrClosed) {
		t.Errorf("of a closed store: %v", err)
	}
	r = mustReplica(t, fs) // as after a crash
	if left := dirsOf(t, fs, "replica", "moment-"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	must(t, r.close())
}

// A stream becomes the directory of another store, whose snapshot is of the entry that
// was added, with other servers; anything else in the stream's place, or in the
// directory's, is refused, and what is left counts for nothing.
func TestRestore(t *testing.T) {
	fs := vfs.NewMem()
	r := mustReplica(t, fs)
	put(t, r.slot.get(), 1, 300, "a")
	m, err := r.Moment(t.Context())
	must(t, err)
	stream, n, err := m.Open()
	must(t, err)
	b, err := io.ReadAll(stream)
	must(t, err, stream.Close())
	m.Release()
	must(t, r.close())
	if uint64(len(b)) != n {
		t.Errorf("%d bytes, %d were announced", len(b), n)
	}
	add := func(dir string, sent engine.Applied) (engine.Applied, error) {
		e, err := openPebble(fs, dir)
		if err != nil {
			return sent, err
		}
		if at, _ := e.Applied(); at != sent {
			t.Errorf("it holds %v, %v was sent", at, sent)
		}
		put(t, e, sent.Index+1, sent.Index+1, "new")
		_, err = e.Flush(t.Context())
		return engine.Applied{Index: sent.Index + 1, Term: 1}, errors.Join(err, e.Close())
	}
	servers := raft.Configuration{Servers: []raft.Server{{Suffrage: raft.Voter, ID: "new", Address: "new"}}}
	must(t, snapshot.Restore(snapshot.Config{Dir: "new", FS: fs}, bytes.NewReader(b), servers, add))
	again, err := newReplica(fs, fs, func(c *snapshot.Config) { c.Dir = "new" })
	must(t, err)
	list, err := again.List()
	must(t, err)
	if len(list) != 1 || list[0].Index != 301 || list[0].Term != 1 || list[0].ConfigurationIndex != 301 || len(list[0].Configuration.Servers) != 1 || list[0].Configuration.Servers[0].ID != "new" {
		t.Errorf("%+v", list)
	}
	if at, _ := again.slot.get().Applied(); at.Index != 301 {
		t.Errorf("%v", at)
	}
	must(t, again.close())

	flipped := bytes.Clone(b)
	flipped[len(b)/2] ^= 1
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		dir     string
		b       []byte
		prepare func(string, engine.Applied) (engine.Applied, error)
		want    error
	}{
		"cut":       {"cut", b[:len(b)-1], add, snapshot.ErrStream},
		"flipped":   {"flipped", flipped, add, snapshot.ErrStream},
		"nothing":   {"nothing", nil, add, snapshot.ErrStream},
		"prepare":   {"prepare", b, func(string, engine.Applied) (engine.Applied, error) { return engine.Applied{}, broken }, broken},
		"not empty": {"new", b, add, nil},
	} {
		err := snapshot.Restore(snapshot.Config{Dir: c.dir, FS: fs}, bytes.NewReader(c.b), servers, c.prepare)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if c.want == nil {
			continue
		}
		if _, err := newReplica(fs, fs, func(s *snapshot.Config) { s.Dir = c.dir }); !errors.Is(err, snapshot.ErrDamaged) {
			t.Errorf("%s: what is left opens: %v", name, err)
		}
	}
}
