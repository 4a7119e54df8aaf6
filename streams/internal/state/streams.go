package state

import (
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// stream returns a stream, nil if it is not there.
func (t *turn) stream(id uint64) (*stream, error) {
	if s, known := t.streams[id]; known {
		return s, nil
	}
	row, err := t.rows.load(t.batch, t.keys.stream(id), id)
	if err != nil {
		return nil, err
	}
	var s *stream
	if row != nil {
		s = &stream{row: row, head: &storagev1.StreamState{}}
		if err := loadHead(t.batch, t.keys, id, s.head); err != nil {
			return nil, err
		}
	}
	t.streams[id] = s
	return s, nil
}

// loadStream reads a stream's two rows, which are there both or not at all.
func loadStream(r engine.Reader, k keys, id uint64, row *storagev1.StreamRow, head *storagev1.StreamState) (bool, error) {
	found, err := load(r, k.stream(id), row)
	if err != nil || !found {
		return false, err
	}
	return true, loadHead(r, k, id, head)
}

// loadHead reads the state of a stream that is there.
func loadHead(r engine.Reader, k keys, id uint64, head *storagev1.StreamState) error {
	found, err := load(r, k.head(id), head)
	if err == nil && !found {
		err = &storeError{damaged("stream %d has a row and no state", id)}
	}
	return err
}

// named returns the stream of a name, nil if it is not there.
func (t *turn) named(n Name) (*stream, error) {
	id, found, err := numberOf(t.batch, t.keys.name(n))
	if err != nil || !found {
		return nil, err
	}
	s, err := t.stream(id)
	if err == nil && s == nil {
		err = &storeError{damaged("stream %v has a name and nothing else", n)}
	}
	return s, err
}

// declare makes a stream, or adds groups to an equal one.
func (t *turn) declare(c *storagev1.DeclareStream) (created bool, _ *storagev1.StreamConfig, err error) {
	name, cfg := nameOf(c.GetName()), c.GetConfig()
	if err := name.check(); err != nil {
		return false, nil, err
	}
	if cfg, err = CheckConfig(cfg); err != nil {
		return false, nil, err
	}
	s, err := t.named(name)
	switch {
	case err != nil:
		return false, nil, err
	case s == nil:
		if err := t.hasPool(cfg.GetPool()); err != nil {
			return false, nil, err
		}
		return true, cfg, t.create(name, cfg)
	case c.GetFresh():
		return false, nil, eventnode.StreamExists(name.String())
	}
	if d := difference(s.row.GetConfig(), cfg); d != "" {
		return false, nil, &eventnode.StreamError{Stream: name.String(), Err: eventnode.ErrStreamDiffers,
			Reason: fmt.Sprintf("stream %q is there with another %s: update it, or declare it as it is", name, d)}
	}
	cfg, err = t.configure(s, cfg)
	return false, cfg, err
}

func (t *turn) create(name Name, cfg *storagev1.StreamConfig) error {
	t.part.LastStream++
	id := t.part.GetLastStream()
	s := &stream{
		dirty: true,
		head:  &storagev1.StreamState{First: 1, KnownFirst: 1},
		row: &storagev1.StreamRow{
			Id: id, Name: &storagev1.StreamName{Namespace: name.Namespace, Name: name.Name},
			Config: cfg, CreatedMs: t.now, Partition: uint32(t.keys),
		},
	}
	t.streams[id] = s
	t.batch.Set(t.keys.name(name), t.keys.stream(id)[keyPrefix:])
	if err := t.newGroups(s, cfg.GetGroups()); err != nil {
		return err
	}
	return t.store(t.keys.stream(id), s.row)
}

// configure gives a stream a configuration, with the groups it has, and returns
// the whole of it.
func (t *turn) configure(s *stream, cfg *storagev1.StreamConfig) (*storagev1.StreamConfig, error) {
	cfg.Groups = merged(s.row.GetConfig().GetGroups(), cfg.GetGroups())
	if n := len(cfg.GetGroups()); n > MaxGroups {
		return nil, &eventnode.LimitError{Limit: "max_groups_per_stream", Max: MaxGroups, Got: n}
	}
	if proto.Equal(cfg, s.row.GetConfig()) {
		return cfg, nil
	}
	before := s.row.GetConfig().GetGroups()
	s.change()
	s.row.Config, s.dirty, s.freed = cfg, true, true // it may be kept in another way, and be due at another time
	for _, name := range cfg.GetGroups() {
		if _, known := slices.BinarySearch(before, name); !known {
			if err := t.newGroups(s, []string{name}); err != nil {
				return nil, err
			}
		}
	}
	return cfg, t.store(t.keys.stream(s.row.GetId()), s.row)
}

// update replaces a stream's configuration.
func (t *turn) update(c *storagev1.UpdateStream) (*storagev1.StreamConfig, error) {
	cfg, err := CheckConfig(c.GetConfig())
	if err != nil {
		return nil, err
	}
	s, err := t.named(nameOf(c.GetName()))
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return nil, eventnode.StreamNotFound(nameOf(c.GetName()).String())
	case s.row.GetConfig().GetPool() != cfg.GetPool():
		return nil, invalid("stream %q is in pool %q: streams do not move", nameOf(c.GetName()), s.row.GetConfig().GetPool())
	}
	if cfg, err = t.configure(s, cfg); err != nil {
		return nil, err
	}
	return cfg, t.trim(s)
}

// remove deletes a stream with all its rows. The partition's time is set past its
// last position, so that no stream made later under its name uses one again.
func (t *turn) remove(c *storagev1.DeleteStream) error {
	name := nameOf(c.GetName())
	s, err := t.named(name)
	switch {
	case err != nil:
		return err
	case s == nil:
		return eventnode.StreamNotFound(name.String())
	}
	id := s.row.GetId()
	t.now = max(t.now, s.head.GetLastPosition().GetMs())
	t.part.StampMs = t.now
	t.streams[id] = nil
	t.unschedule(s)
	t.batch.Delete(t.keys.name(name))
	t.batch.Delete(t.keys.stream(id))
	t.batch.Delete(t.keys.head(id))
	maps.DeleteFunc(t.groups, func(k groupKey, _ *group) bool { return k.stream == id })
	for _, kd := range ofStream() {
		t.batch.DeleteRange(t.keys.number(kd, id), t.keys.number(kd, id+1))
	}
	return nil
}
