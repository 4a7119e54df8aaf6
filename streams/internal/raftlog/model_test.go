package raftlog_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/raftlog"
	"github.com/eventnode/eventnode/streams/internal/raftlog/raftlogtest"
)

// TestModel compares the log with a map under random calls, and closes it, or
// has it crash in the middle of a write, now and then.
func TestModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	steps := 600
	if testing.Short() {
		steps = 200
	}
	t.Logf("seed %d", seed)
	m := &model{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), fs: raftlogtest.New(raftlog.NewFS()), want: map[uint64]*raft.Log{}, term: 1}
	m.cfg = raftlog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, CacheBytes: 30 << 10, FS: m.fs}
	m.log = open(t, m.cfg)
	for range steps {
		m.step()
	}
	m.check()
	must(t, m.log.Close())
}

var errFault = errors.New("fault")

type model struct {
	t    *testing.T
	rnd  *rand.Rand
	fs   *raftlogtest.FS
	cfg  raftlog.Config
	log  *raftlog.Log
	want map[uint64]*raft.Log
	term uint64
	vote uint64

	first, last uint64 // 0 if empty
}

func (m *model) step() {
	m.t.Helper()
	switch m.rnd.IntN(40) {
	case 0:
		m.deleteFront()
	case 1, 2:
		m.deleteBack()
	case 3:
		must(m.t, m.log.Close())
		m.log = open(m.t, m.cfg)
		m.check()
	case 4:
		m.crash(m.batch())
	case 5:
		m.vote++
		must(m.t, m.log.SetUint64([]byte("vote"), m.vote))
	case 6, 7, 8:
		m.read()
	case 9, 10, 11, 12, 13, 14, 15, 16:
		batch := m.batch()
		must(m.t, m.log.Begin(batch))
		m.stored(batch)
		m.read()
	default:
		batch := m.batch()
		must(m.t, m.log.StoreLogs(batch))
		m.stored(batch)
	}
}

func (m *model) batch() []*raft.Log {
	next := m.last + 1
	if m.last == 0 {
		next = 1 + m.rnd.Uint64N(1000)
	}
	var out []*raft.Log
	for i := range 1 + m.rnd.Uint64N(8) {
		n := m.rnd.IntN(300)
		if m.rnd.IntN(8) == 0 {
			n = m.rnd.IntN(20000)
		}
		m.term += m.rnd.Uint64N(2)
		out = append(out, entry(next+i, m.term, n))
	}
	return out
}

func (m *model) stored(batch []*raft.Log) {
	for _, e := range batch {
		m.want[e.Index] = e
	}
	if m.first == 0 {
		m.first = batch[0].Index
	}
	m.last = batch[len(batch)-1].Index
}

// crash fails the fsync of a batch, and loses some of its sectors.
func (m *model) crash(batch []*raft.Log) {
	m.t.Helper()
	must(m.t, m.log.Await(m.last, nil))
	m.fs.Before(func(op raftlogtest.Op, name string) error {
		if op == raftlogtest.Sync && strings.HasSuffix(name, ".wal") {
			return errFault
		}
		return nil
	})
	if err := m.log.StoreLogs(batch); !errors.Is(err, raftlog.ErrFsync) || !errors.Is(err, errFault) {
		m.t.Fatal(err)
	}
	m.fs.Before(nil)
	must(m.t, m.fs.Crash(m.rnd))
	<-m.log.Settled()
	_ = m.log.Close() // of what crashed
	m.log = open(m.t, m.cfg)
	// Nobody was told that the batch is kept; but it is there whole, or not.
	if _, last := bounds(m.t, m.log); last == batch[len(batch)-1].Index {
		m.stored(batch)
	}
	m.check()
}

func (m *model) deleteFront() {
	if m.last == 0 {
		return
	}
	upTo := m.first + m.rnd.Uint64N(m.last-m.first+1)
	must(m.t, m.log.DeleteRange(m.first, upTo))
	m.first = upTo + 1
	m.emptied()
}

func (m *model) deleteBack() {
	if m.last == 0 {
		return
	}
	from := m.last - m.rnd.Uint64N(min(20, m.last-m.first+1))
	must(m.t, m.log.DeleteRange(from, m.last))
	m.last = from - 1
	m.emptied()
}

func (m *model) emptied() {
	if m.first > m.last {
		m.first, m.last = 0, 0
	}
}

func (m *model) read() {
	m.t.Helper()
	if m.last == 0 {
		return
	}
	m.compare(m.first + m.rnd.Uint64N(m.last-m.first+1))
	for _, i := range []uint64{m.first - 1, m.last + 1} {
		if err := m.log.GetLog(i, new(raft.Log)); err != raft.ErrLogNotFound { //nolint:errorlint // raft compares it with ==
			m.t.Fatalf("entry %d: %v", i, err)
		}
	}
}

func (m *model) compare(i uint64) {
	m.t.Helper()
	var got raft.Log
	must(m.t, m.log.GetLog(i, &got))
	must(m.t, same(&got, m.want[i]))
}

func (m *model) check() {
	m.t.Helper()
	wantBounds(m.t, m.log, m.first, m.last)
	must(m.t, m.log.Await(m.last, nil))
	if m.log.Durable() != m.last {
		m.t.Fatalf("durable is %d, want %d", m.log.Durable(), m.last)
	}
	vote, err := m.log.GetUint64([]byte("vote"))
	if vote != m.vote || err != nil {
		m.t.Fatalf("vote is %d, want %d: %v", vote, m.vote, err)
	}
	total := uint64(0)
	for i := m.first; i <= m.last && i > 0; i++ {
		m.compare(i)
		total += uint64(raftlog.SizeInFile(m.want[i]))
	}
	if got := m.log.BytesSince(0); m.last > 0 && (got+3*raftlog.SizeGrain < total || got > total+3*raftlog.SizeGrain) {
		m.t.Fatalf("%d bytes, want about %d", got, total)
	}
}
