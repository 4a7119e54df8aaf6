package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
	"github.com/eventnode/eventnode/streams/internal/raftlog"
	"github.com/eventnode/eventnode/streams/internal/snapshot"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// A backup becomes a replica as follows. Its state is unpacked, every row of it is
// verified, and one entry is added to it, which makes it the new cluster's. That
// entry is the replica's snapshot, with this replica as its only voter; the log is
// empty, and begins behind it. Raft's term is that of the entry, so that the first
// election has a later one: terms and indexes go on as if there had never been
// another cluster, and a replica that joins gets the snapshot.

// RestoreConfig says what to make.
type RestoreConfig struct {
	// Dir is the replica's directory, which must not be there or be empty. Required.
	Dir string
	// Cluster, Partition and ID are as in Config. Required.
	Cluster   uuid.UUID
	Partition uint32
	ID        uuid.UUID
	// Step is called for each row that is verified, with its bytes. An error of it is
	// the end. Defaults to nothing.
	Step func(bytes int) error
	// OpenEngine opens the state. Defaults to Pebble.
	OpenEngine func(dir string) (engine.Store, error)
	// Logger takes what happens. Defaults to none.
	Logger *slog.Logger
}

// Restore makes the directory of a replica of what Moment.Pack gave, and says what is
// in it. When it returns nil all is durable; after an error the directory is of no
// use.
func Restore(cfg RestoreConfig, source io.Reader) (state.Verified, error) {
	if cfg.Dir == "" || cfg.ID == uuid.Nil || cfg.Cluster == uuid.Nil || cfg.Partition == 0 {
		return state.Verified{}, errors.New("replica: Dir, Cluster, Partition and ID are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Step == nil {
		cfg.Step = func(int) error { return nil }
	}
	if cfg.OpenEngine == nil {
		cfg.OpenEngine = func(dir string) (engine.Store, error) {
			return pebbledb.Open(pebbledb.Config{Dir: dir, Logger: cfg.Logger})
		}
	}
	r := &restorer{cfg: cfg}
	servers := raft.Configuration{Servers: []raft.Server{voter(cfg.ID)}}
	err := snapshot.Restore(snapshot.Config{Dir: filepath.Join(cfg.Dir, "state"), Logger: cfg.Logger}, source, servers, r.prepare)
	if err == nil {
		err = r.log()
	}
	return r.found, err
}

// restorer is one Restore.
type restorer struct {
	cfg   RestoreConfig
	found state.Verified
	entry engine.Applied // that was added
}

// prepare makes the state that is in a directory the new cluster's.
func (r *restorer) prepare(dir string, sent engine.Applied) (engine.Applied, error) {
	store, err := r.cfg.OpenEngine(dir)
	if err != nil {
		return engine.Applied{}, fmt.Errorf("open the state: %w", err)
	}
	err = r.rekey(store, sent)
	return r.entry, errors.Join(err, store.Close())
}

func (r *restorer) rekey(store engine.Store, sent engine.Applied) error {
	if applied, _ := store.Applied(); applied != sent {
		return fmt.Errorf("the state holds entries up to %d of term %d, what was packed up to %d of term %d: %w",
			applied.Index, applied.Term, sent.Index, sent.Term, engine.ErrDamaged)
	}
	if err := state.NewView(store, r.cfg.Partition).CheckLevel(); err != nil {
		return err
	}
	if err := r.verify(store); err != nil {
		return err
	}
	batch := store.NewBatch()
	defer batch.Close()
	if err := state.Rekey(batch, r.cfg.Partition, r.cfg.Cluster); err != nil {
		return err
	}
	r.entry = engine.Applied{Index: sent.Index + 1, Term: max(sent.Term, 1)}
	if err := batch.Commit(r.entry); err != nil {
		return err
	}
	durable, err := store.Flush(context.Background())
	if err == nil && durable < r.entry.Index {
		err = fmt.Errorf("the state is durable up to entry %d, not %d", durable, r.entry.Index)
	}
	return err
}

// verify returns the first damage.
func (r *restorer) verify(store engine.Store) (err error) {
	now, err := store.Snapshot()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, now.Close()) }()
	var damage error
	r.found, err = state.NewView(now, r.cfg.Partition).Verify(r.cfg.Step, func(err error) {
		if damage == nil {
			damage = err
		}
	})
	return errors.Join(damage, err)
}

// log makes an empty log that goes on behind the snapshot.
func (r *restorer) log() error {
	log, err := raftlog.Open(raftlog.Config{Dir: filepath.Join(r.cfg.Dir, "log"), Logger: r.cfg.Logger})
	if err != nil {
		return fmt.Errorf("make the log: %w", err)
	}
	err = log.SetUint64([]byte(keyTerm), r.entry.Term)
	return errors.Join(err, log.Close())
}
