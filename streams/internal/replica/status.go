package replica

import (
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// Status is how a replica is.
type Status struct {
	ID        uuid.UUID
	Partition uint32
	// Running: the files are open. Opening: they are being opened. Leads: it is the
	// leader, and ready.
	Running, Opening, Leads bool
	// Why is why it does not run, or did not until it was opened again; nil: it has
	// not stopped.
	Why error
	// Leader is who leads, as far as this replica knows.
	Leader uuid.UUID
	Term   uint64
	// The last entry of the log, that is durable here, that the majority has, and
	// that changed the state.
	Last, Durable, Committed, Applied uint64
	// Chain is the hash over the state at Applied.
	Chain engine.Chain
	// Contact is when the leader was heard last.
	Contact time.Time
	// StampMS is the partition's time; Warm that it was heard of a leader, or
	// continued by one, since the replica was started.
	StampMS int64
	Warm    bool
	// Sick: it should not lead, and SickWhy says why. Full: its disk has too little
	// room.
	Sick, Full bool
	SickWhy    string
	// LogBytes is what the log holds behind the last snapshot, StateBytes about
	// what the state takes on disk.
	LogBytes   uint64
	StateBytes int64
	// LogSize is what all entries of the log take, FreeBytes what is free on the
	// disk; 0: not known.
	LogSize, FreeBytes uint64
	// Snapshot is the last entry that the newest snapshot has.
	Snapshot uint64
	// Members are the replicas of the partition, as far as this one knows.
	Members []Member
}

// Member is a replica of a partition.
type Member struct {
	ID    uuid.UUID
	Voter bool
}

// Status says how the replica is.
func (r *Replica) Status() Status {
	st := Status{ID: r.cfg.ID, Partition: r.cfg.Partition}
	s, err := r.present()
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		st.Opening, st.Why = r.opening, r.why
		return st
	}
	st.Running = true
	st.Term, st.Committed, st.Contact = s.raft.CurrentTerm(), s.raft.CommitIndex(), s.raft.LastContact()
	st.Leads = s.ready.Load() != 0 && s.raft.State() == raft.Leader
	if _, id := s.raft.LeaderWithID(); id != "" {
		st.Leader, _ = uuid.Parse(string(id))
	}
	if why := s.sick.Load(); why != nil {
		st.Sick, st.SickWhy = true, *why
	}
	st.Full = s.full.Load()
	st.Last, _ = s.log.LastIndex()
	st.Snapshot = s.snapshotIndex()
	st.Durable, st.LogBytes, st.LogSize = s.log.Durable(), s.log.BytesSince(st.Snapshot), s.log.BytesSince(0)
	st.FreeBytes, _ = r.cfg.FreeBytes(r.cfg.Dir) // 0: not known
	st.StampMS, st.Warm = s.clock.read(time.Now())
	store, release := s.store.use()
	defer release()
	applied, chain := store.Applied()
	st.Applied, st.Chain, st.StateBytes = applied.Index, chain, store.Size()
	st.Members = s.members()
	return st
}

// members lists the replicas of the partition.
func (s *session) members() (list []Member) {
	for _, m := range s.raft.GetConfiguration().Configuration().Servers {
		id, _ := uuid.Parse(string(m.ID))
		list = append(list, Member{ID: id, Voter: m.Suffrage == raft.Voter})
	}
	return list
}

// begun notes that the files are being opened.
func (r *Replica) begun() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opening = true
}

// ended notes why a session is over.
func (r *Replica) ended(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opening, r.why = false, why
}
