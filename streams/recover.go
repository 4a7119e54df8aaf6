package streams

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode/streams/internal/forming"
	"github.com/eventnode/eventnode/streams/internal/identity"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// What an operator does when a majority of the copies is lost for good. One copy that
// is left becomes a cluster of its own, under a new UUID: the other copies, should
// they turn up, are of another cluster, and can neither outvote it nor be mixed with
// it.

// Copy is what a data directory holds.
type Copy struct {
	// Replica is its UUID, and Cluster that which it belongs to.
	Replica, Cluster uuid.UUID
	// Last and LastTerm are those of the last entry in its log: of two copies that
	// with the greater term has more, and with equal terms that with the greater
	// index.
	Last, LastTerm uint64
	// Term is the last one that it heard of.
	Term uint64
	// Applied is the last entry that its state had on disk: the log has the others.
	Applied uint64
	// Voters and Others are the replicas that it knows of, without itself: those
	// that vote, and those that do not.
	Voters, Others []uuid.UUID
	// Recovered is what was recovered before, in words; "": nothing.
	Recovered string
}

// Inspect says what a data directory of the durable plane (Config.Dir) holds. No node
// may run on it.
func Inspect(dir string, logger *slog.Logger) (Copy, error) {
	return offline(dir, logger, func(d *identity.Dir, old forming.State, cfg replica.Config) (Copy, error) {
		c, err := replica.Inspect(cfg)
		return describeCopy(old, c), err
	})
}

// Recover makes a data directory a cluster of its own, with all that is in it. What
// others had after its last entry is lost, and that may have been acknowledged. It
// may be called again if it fails.
func Recover(dir string, logger *slog.Logger) (Copy, error) {
	return offline(dir, logger, func(d *identity.Dir, old forming.State, cfg replica.Config) (Copy, error) {
		c, err := replica.Inspect(cfg)
		if err != nil {
			return Copy{}, err
		}
		before := describeCopy(old, c)
		if len(before.Voters) == 0 && old.Recovered != nil {
			return before, nil // it is done
		}
		// The UUID first: should this end in between, the copy reaches nobody.
		next, err := renamed(dir, old, c, before.Voters)
		if err != nil {
			return before, err
		}
		_, err = replica.Recover(cfg)
		before.Cluster, before.Recovered = next.Founding.Cluster, recovered(next.Recovered)
		return before, err
	})
}

// renamed makes a directory one of a new cluster, unless that was done already, by a
// recovery that ended half-way.
func renamed(dir string, old forming.State, c replica.Copy, lost []uuid.UUID) (forming.State, error) {
	if r := old.Recovered; r != nil && r.Index == c.Last && r.Term == c.LastTerm {
		return old, nil
	}
	next, err := old.Recover(uuid.New(), forming.Recovery{At: time.Now().UTC().Truncate(time.Second), Index: c.Last, Term: c.LastTerm, Lost: lost})
	if err != nil {
		return old, err
	}
	return next, forming.Store(dir, next)
}

// offline opens a data directory that nothing runs on.
func offline(dir string, logger *slog.Logger, do func(*identity.Dir, forming.State, replica.Config) (Copy, error)) (c Copy, err error) {
	if _, _, err := identity.Read(dir); err != nil { // Open would make one
		return c, fmt.Errorf("there are no streams in %s: %w", dir, err)
	}
	d, err := identity.Open(identity.Config{Path: dir, Format: state.Level})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	old, err := forming.Load(dir)
	if err != nil {
		return c, err
	}
	if err := old.Usable(); err != nil {
		return c, err
	}
	return do(d, old, replica.Config{
		Dir: partitionDir(dir), Partition: partitionMeta, ID: d.UUID(), MemoryBytes: 32 << 20, Logger: logger,
	})
}

// partitionDir is where a replica's files are.
func partitionDir(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("partition-%d", partitionMeta))
}

func describeCopy(s forming.State, c replica.Copy) Copy {
	d := Copy{Replica: c.ID, Cluster: s.Founding.Cluster, Last: c.Last, LastTerm: c.LastTerm, Term: c.Term, Applied: c.Applied}
	for _, m := range c.Members {
		switch {
		case m.ID == c.ID:
		case m.Voter:
			d.Voters = append(d.Voters, m.ID)
		default:
			d.Others = append(d.Others, m.ID)
		}
	}
	if s.Recovered != nil {
		d.Recovered = recovered(s.Recovered)
	}
	return d
}
