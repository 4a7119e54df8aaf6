package state

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// Machine applies the entries of one partition.
type Machine struct {
	keys   keys
	bounds bounds
	rows   rowCache
}

// bounds are the same on every replica: what is done depends on them. Only tests
// choose others.
type bounds struct {
	producers int // see MaxProducers
	chunks    int // chunks of a stream that one command removes, so that no entry takes long
	forget    int // event IDs that one command forgets, likewise
	acked     int // chunks that all groups have acked and one entry lets go
	rows      int // rows of pending entries that one command moves
	ahead     int // events that a keyed group passes over, and looks ahead
	bury      int // events that one entry makes dead letters
}

// New returns the machine of a partition.
func New(partition uint32) *Machine {
	return &Machine{keys: keys(partition), rows: rowCache{least: cachedBytes}, bounds: bounds{producers: MaxProducers, chunks: 256, forget: 4096,
		acked: 2048, rows: 1024, ahead: 4096, bury: 256}}
}

// Result is what became of one command.
type Result struct {
	// Err is why it failed, one of package eventnode's errors.
	Err error
	// Published is what a Publish did.
	Published eventnode.Published
	// Created says that a DeclareStream made the stream; Config is how the stream
	// is kept now, after a DeclareStream or UpdateStream. It must not be changed.
	Created bool
	Config  *storagev1.StreamConfig
	// Pool is the pool as it is, after a SetPool; Created says that it was made. It
	// must not be changed.
	Pool *storagev1.Pool
	// Compare is set for a Compare: the caller knows the chain.
	Compare *storagev1.Compare
	// Level is the level of commands that is used after a RaiseLevel.
	Level uint32
	// Epoch is that of a lease that was granted.
	Epoch uint64
	// Fetched is what a Fetch handed out, Settled what a Settle found.
	Fetched []Fetched
	Settled Settled
	// Moved is how many pending entries were moved by a Claim, DeleteConsumer or
	// EndLease, or dead letters settled, or things done by an Expire; More says that
	// there are more: propose it again.
	Moved uint64
	More  bool
	// Lock is the lock after ObtainLock and RefreshLock.
	Lock Lock
	// Woken is where there may be something to fetch now.
	Woken []Woken
}

// Apply does what an entry says, and returns a result for each command. After an
// error the batch holds a part of the entry: it must be closed, not committed.
func (m *Machine) Apply(b engine.Batch, data []byte) ([]Result, error) {
	e, err := decodeEntry(data)
	if err != nil {
		return nil, err
	}
	t, err := m.begin(b, e.stamp)
	if err != nil {
		return nil, unwrap(err)
	}
	results := make([]Result, len(e.commands))
	for i, data := range e.commands {
		c, records, err := decodeCommand(data)
		if err != nil {
			return nil, err
		}
		t.woken = nil
		if results[i], err = t.do(c, records); err != nil {
			return nil, err
		}
		results[i].Woken = t.woken
	}
	return results, unwrap(t.end())
}

// turn is the work on one entry.
type turn struct {
	keys   keys
	bounds bounds
	rows   *rowCache
	batch  engine.Batch
	part   *storagev1.PartitionRow
	now    int64 // the partition's time, in ms

	// Rows read in this turn, by stream; nil: not there. Heads are written at its
	// end.
	streams map[uint64]*stream
	groups  map[groupKey]*group // likewise; written at the end
	scratch []byte              // for rows that are encoded
	buried  int                 // events that became dead letters
	bytes   int                 // those of these events
	woken   []Woken             // of the command that is being applied
}

// stream is one that this turn is concerned with.
type stream struct {
	row   *storagev1.StreamRow
	head  *storagev1.StreamState
	dirty bool // head has changed

	// Read when they are needed; nil if they are not known.
	front  *chunkHead // the chunk that the first event is in
	oldest *int64     // the stamp of the first event ID that is remembered

	freed   bool   // groups may have let events go
	ackedTo uint64 // the highest number that was acked in this turn
}

func (s *stream) name() string { return nameOf(s.row.GetName()).String() }

func (m *Machine) begin(b engine.Batch, stamp int64) (*turn, error) {
	t := &turn{keys: m.keys, bounds: m.bounds, rows: &m.rows, batch: b, streams: make(map[uint64]*stream), groups: make(map[groupKey]*group),
		part: &storagev1.PartitionRow{Partition: uint32(m.keys)}}
	if _, err := load(b, m.keys.partition(), t.part); err != nil {
		return nil, err
	}
	if level := levelOf(t.part); level > Level {
		return nil, errLevel(level)
	}
	t.now = max(stamp, t.part.GetStampMs())
	t.part.StampMs = t.now
	return t, nil
}

// do applies one command. The error is one of the replica, not of the command.
func (t *turn) do(cmd *storagev1.Command, records []byte) (r Result, err error) {
	if r.Err, err = t.mayDo(cmd); err != nil || r.Err != nil {
		return r, err
	}
	switch c := cmd.GetCommand().(type) {
	case *storagev1.Command_Publish:
		r.Published, err = t.publish(publish{c.Publish, records})
	case *storagev1.Command_DeclareStream:
		r.Created, r.Config, err = t.declare(c.DeclareStream)
	case *storagev1.Command_UpdateStream:
		r.Config, err = t.update(c.UpdateStream)
	case *storagev1.Command_DeleteStream:
		err = t.remove(c.DeleteStream)
	case *storagev1.Command_Tick:
		err = t.tick(c.Tick)
	case *storagev1.Command_Compare:
		r.Compare = c.Compare
	case *storagev1.Command_SetCluster:
		err = t.setCluster(c.SetCluster)
	case *storagev1.Command_NoteReplica:
		err = t.noteReplica(c.NoteReplica)
	case *storagev1.Command_RaiseLevel:
		if r.Level, err = t.raise(c.RaiseLevel); err != nil {
			return r, err
		}
	case *storagev1.Command_SetPool:
		r.Created, r.Pool, err = t.setPool(c.SetPool)
	case *storagev1.Command_Rehearse:
		t.part.Rehearsed++
	default:
		if err = t.doGroups(&r, cmd); errors.Is(err, ErrEntry) {
			return r, err
		}
	}
	if f := fault(err); f != nil {
		return Result{}, f
	}
	r.Err = err
	return r, nil
}

// end writes what has changed.
func (t *turn) end() error {
	if err := t.endGroups(); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(t.streams)) { // every replica in the same order
		if s := t.streams[id]; s != nil && s.dirty {
			if err := t.schedule(s); err != nil {
				return err
			}
			if err := t.store(t.keys.head(id), s.head); err != nil {
				return err
			}
		}
	}
	return t.store(t.keys.partition(), t.part)
}

// setCluster gives the cluster its UUID, once.
func (t *turn) setCluster(c *storagev1.SetCluster) error {
	switch old := t.part.GetClusterUuid(); {
	case len(c.GetUuid()) != 16:
		return invalid("a cluster UUID has 16 bytes, not %d", len(c.GetUuid()))
	case len(old) > 0 && string(old) != string(c.GetUuid()):
		return fmt.Errorf("the cluster has the UUID %x: %w", old, eventnode.ErrForeignCluster)
	}
	t.part.ClusterUuid = c.GetUuid()
	return nil
}
