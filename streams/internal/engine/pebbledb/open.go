package pebbledb

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/internal/chain"
)

// Open opens the store in c.Dir, or makes an empty one where there is nothing.
// What it finds there is checked: the format, that every table is there with its
// size, and the position in the log. Values are checked when they are read.
func Open(c Config) (*Store, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(c.FS, c.Dir)
	if err != nil {
		return nil, err
	}
	s := newStore(c, lock)
	if err := s.open(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.lookout.last = s.db.Metrics()
	s.fence.holds.Store(true)
	if err := s.begin(c.Registerer); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// lockDir makes the directory, and takes its lock: two stores on one directory
// would spoil it.
func lockDir(fsys vfs.FS, dir string) (*pebble.Lock, error) {
	if err := makeDir(fsys, dir); err != nil {
		return nil, fmt.Errorf("pebbledb: open: %w", err)
	}
	lock, err := pebble.LockDirectory(dir, fsys)
	if err != nil {
		return nil, fmt.Errorf("pebbledb: %s is in use: %w", dir, err)
	}
	return lock, nil
}

// makeDir also syncs the directory above, so that the name survives.
func makeDir(fsys vfs.FS, dir string) error {
	if err := fsys.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	parent, err := fsys.OpenDir(fsys.PathDir(dir))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

func (s *Store) open() error {
	c := s.config
	if err := inspect(c.FS, c.Dir); err != nil {
		return err
	}
	o := options(c, s.fence)
	log := &logger{log: c.Logger, failure: s.failure}
	log.opening.Store(true)
	defer log.opening.Store(false)
	o.Logger = log
	o.EventListener = listen(s.failure, s.pressure, s.series)
	o.Experimental.SpanPolicyFunc = s.series.policy
	o.Experimental.CompactionScheduler = s.compactions
	db, err := s.openPebble(o)
	if err != nil {
		return s.failure.first(opening(err))
	}
	s.db = db
	s.compactions.begin()
	return nil
}

// giveUpAfter is how long a Pebble that failed while it opens has to say so.
const giveUpAfter = time.Second

// openPebble opens Pebble in a goroutine, which Fatalf may end; it then hangs in
// what Pebble defers, and what was opened by then is lost to the process.
func (s *Store) openPebble(o *pebble.Options) (*pebble.DB, error) {
	type opened struct {
		db  *pebble.DB
		err error
	}
	done := make(chan opened, 1)
	go func() {
		db, err := pebble.Open(s.config.Dir, o)
		done <- opened{db, err}
	}()
	select {
	case got := <-done:
		return got.db, got.err
	case <-s.failure.done:
	}
	select {
	case got := <-done:
		return got.db, got.err
	case <-time.After(giveUpAfter):
		return nil, s.failure.get()
	}
}

// begin reads the position, and offers the metrics. Compactions have begun, and
// may have found damage already.
func (s *Store) begin(to prometheus.Registerer) error {
	if err := s.failure.get(); err != nil {
		return err
	}
	state, err := readState(s.db)
	if err != nil {
		return err
	}
	s.state.Store(&state)
	return s.metrics.register(to)
}

// readState returns the position that is in r. A store with content and without
// a position is damaged.
func readState(r pebble.Reader) (chain.State, error) {
	b, closer, err := r.Get([]byte{stateKey})
	if errors.Is(err, pebble.ErrNotFound) {
		return chain.State{}, mustBeEmpty(r)
	}
	if err != nil {
		return chain.State{}, opening(err)
	}
	state, err := chain.Parse(b)
	return state, errors.Join(err, closer.Close())
}

func mustBeEmpty(r pebble.Reader) error {
	it, err := r.NewIter(nil)
	if err != nil {
		return opening(err)
	}
	if it.First() {
		err = &engine.DamagedError{Err: errors.New("there are keys, but no position in the log")}
	}
	return errors.Join(err, it.Close())
}

// opening turns an error of Pebble's Open into one of package engine. The format
// and the lock were looked at before, so what the operating system has no part
// in is about what the files hold.
func opening(err error) error {
	var errno syscall.Errno
	if isDamage(err) || !errors.As(err, &errno) {
		return damaged(err)
	}
	return fmt.Errorf("pebbledb: open: %w", err)
}

// inspect looks at a directory before Pebble does, which would begin a new store
// where the file that names the manifest is gone.
func inspect(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return fmt.Errorf("pebbledb: open: %w", err)
	}
	if v := formatOf(names); v > uint64(formatVersion) {
		return fmt.Errorf("%w: %s is in format %d, this program knows up to %d: use the newer one that wrote it",
			engine.ErrFormat, dir, v, formatVersion)
	}
	desc, err := pebble.Peek(dir, fsys)
	if err != nil {
		return opening(err)
	}
	switch {
	case !desc.Exists && hasContent(names):
		return &engine.DamagedError{File: dir, Err: errors.New("there are tables, but nothing names the manifest")}
	case desc.Exists && formatOf(names) == 0:
		return &engine.DamagedError{File: dir, Err: errors.New("there is a manifest, but nothing names the format")}
	}
	return nil
}

// formatOf reads the version from the name of its marker,
// "marker.format-version.<count>.<version>": the highest count is the current
// one. It is 0 where there is none.
func formatOf(names []string) (version uint64) {
	var newest uint64
	for _, name := range names {
		rest, ok := strings.CutPrefix(name, "marker.format-version.")
		if !ok {
			continue
		}
		count, value, _ := strings.Cut(rest, ".")
		n, err1 := strconv.ParseUint(count, 10, 64)
		v, err2 := strconv.ParseUint(value, 10, 64)
		if err1 == nil && err2 == nil && n >= newest {
			newest, version = n, v
		}
	}
	return version
}

func hasContent(names []string) bool {
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			return true
		}
	}
	return false
}
