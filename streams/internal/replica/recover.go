package replica

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// What an operator does when a majority of the voters is lost for good. Nothing here
// runs: the files are opened, and closed again.

// Copy is what a replica's files hold.
type Copy struct {
	ID        uuid.UUID
	Partition uint32
	// Last and LastTerm are those of the last entry: of two copies the one with the
	// greater term has more, and with equal terms the one with the greater index.
	Last, LastTerm uint64
	// Term is the last one that the replica heard of.
	Term uint64
	// Applied is the last entry that its state has on disk, Chain the hash over the
	// state there; the entries after it are in the log.
	Applied uint64
	Chain   engine.Chain
	// Members are those that it knows last.
	Members []Member
}

// Inspect opens a replica's files and says what they hold. What a crash left of a
// last write is removed, as by any start. cfg.Net is not needed.
func Inspect(cfg Config) (Copy, error) {
	s, err := offline(cfg)
	if err != nil {
		return Copy{}, err
	}
	c, err := s.copy()
	return c, errors.Join(err, s.close())
}

// Recover makes a replica the only voter of its partition, with all that it has:
// entries of which nobody knew whether a majority had them count from now on. The
// way is that of a leader: an entry in its log, of a new term, says who votes, and
// the last such entry counts from the moment it is stored. So nothing else changes
// on disk; a crash leaves it done or not done, and doing it again does no harm.
func Recover(cfg Config) (Copy, error) {
	s, err := offline(cfg)
	if err != nil {
		return Copy{}, err
	}
	c, err := s.copy()
	if err == nil {
		err = s.standAlone(c)
	}
	return c, errors.Join(err, s.close())
}

// offline is a session of which only the files are open.
func offline(cfg Config) (*session, error) {
	cfg, err := cfg.offline()
	if err != nil {
		return nil, err
	}
	s := &session{cfg: cfg, clock: &clock{}, started: time.Now(), store: new(held), applied: newProgress(), over: make(chan struct{})}
	if err := s.openFiles(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// copy says what the files hold.
func (s *session) copy() (Copy, error) {
	c := Copy{ID: s.cfg.ID, Partition: s.cfg.Partition}
	store, release := s.store.use()
	applied, chain := store.Applied()
	release()
	c.Applied, c.Chain, c.Last, c.LastTerm = applied.Index, chain, applied.Index, applied.Term
	list, err := s.snapshots.List()
	if err != nil {
		return c, err
	}
	if len(list) > 0 {
		c.Members = membersOf(list[0].Configuration)
		if list[0].Index > c.Last { // raft's own entries are in no state
			c.Last, c.LastTerm = list[0].Index, list[0].Term
		}
	}
	if c.Term, err = s.log.GetUint64([]byte(keyTerm)); err != nil {
		return c, err
	}
	return c, s.copyLog(&c)
}

// keyTerm is raft's key for the current term.
const keyTerm = "CurrentTerm"

// copyLog adds what the log has.
func (s *session) copyLog(c *Copy) error {
	first, err := s.log.FirstIndex()
	if err != nil || s.had == 0 {
		return err
	}
	var entry raft.Log
	if err := s.log.GetLog(s.had, &entry); err != nil {
		return err
	}
	if entry.Index >= c.Last {
		c.Last, c.LastTerm = entry.Index, entry.Term
	}
	for i := s.had; i >= first; i-- {
		if err := s.log.GetLog(i, &entry); err != nil {
			return err
		}
		if entry.Type == raft.LogConfiguration {
			c.Members = membersOf(raft.DecodeConfiguration(entry.Data))
			break
		}
	}
	return nil
}

func membersOf(c raft.Configuration) (members []Member) {
	for _, m := range c.Servers {
		id, _ := uuid.Parse(string(m.ID))
		members = append(members, Member{ID: id, Voter: m.Suffrage == raft.Voter})
	}
	return members
}

// errEmpty: there is nothing that could be recovered.
var errEmpty = errors.New("this copy holds no entry: recover another one")

// standAlone stores the entry that makes this replica the only voter.
func (s *session) standAlone(c Copy) error {
	if c.Last == 0 {
		return errEmpty
	}
	if s.had != 0 && s.had < c.Last {
		return fmt.Errorf("the log ends at entry %d, and the state at %d: this copy is damaged", s.had, c.Last)
	}
	if len(c.Members) == 1 && c.Members[0] == (Member{ID: c.ID, Voter: true}) {
		return nil // it is done
	}
	term := max(c.Term, c.LastTerm) + 1
	if err := s.log.SetUint64([]byte(keyTerm), term); err != nil {
		return err
	}
	only := raft.Configuration{Servers: []raft.Server{voter(c.ID)}}
	return s.log.StoreLog(&raft.Log{
		Index: c.Last + 1, Term: term, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(only), AppendedAt: time.Now(),
	})
}
