package state

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/labels"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// A pool is a placement with a name: so many replicas, on nodes with certain labels.
// A stream is in one pool for good. All streams of a partition are where the
// partition is, and that is where the default pool says; so no other pool can have
// another placement than that one, and one that asks for another is refused instead
// of being ignored. A pool that says nothing is as the default one, also when that
// changes.

const (
	// maxPools bounds the pools: they are one row.
	maxPools = 256
	// maxReplicasOfPool bounds the voters that a pool asks for.
	maxReplicasOfPool = 5
)

// checkPool returns a pool in its one form, labels sorted.
func checkPool(p *storagev1.Pool) (*storagev1.Pool, error) {
	p = proto.CloneOf(p)
	if p == nil {
		p = &storagev1.Pool{}
	}
	if err := checkWord("pool", p.GetName()); err != nil {
		return nil, err
	}
	if p.GetReplicas() > maxReplicasOfPool {
		return nil, invalid("pool %s asks for %d replicas: at most %d", p.GetName(), p.GetReplicas(), maxReplicasOfPool)
	}
	set := PoolLabels(p)
	if len(set) != len(p.GetLabels()) {
		return nil, invalid("pool %s has a label twice", p.GetName())
	}
	slices.SortFunc(p.Labels, func(a, b *storagev1.Label) int { return strings.Compare(a.GetKey(), b.GetKey()) })
	return p, labels.Check(set)
}

// PoolLabels is what the nodes of a pool must have.
func PoolLabels(p *storagev1.Pool) map[string]string {
	set := make(map[string]string, len(p.GetLabels()))
	for _, l := range p.GetLabels() {
		set[l.GetKey()] = l.GetValue()
	}
	return set
}

// says reports whether a pool says where its replicas are to be.
func says(p *storagev1.Pool) bool { return p.GetReplicas() != 0 || len(p.GetLabels()) > 0 }

func samePlacement(a, b *storagev1.Pool) bool {
	return a.GetReplicas() == b.GetReplicas() &&
		slices.EqualFunc(a.GetLabels(), b.GetLabels(), func(x, y *storagev1.Label) bool { return proto.Equal(x, y) })
}

// placement is what a pool says, in words.
func placement(p *storagev1.Pool) string {
	count := "as many replicas as the nodes were told"
	if n := p.GetReplicas(); n > 0 {
		count = fmt.Sprintf("%d replicas", n)
	}
	if len(p.GetLabels()) == 0 {
		return count + " on any nodes"
	}
	return count + " on nodes with " + strings.Join(labels.Format(PoolLabels(p)), ",")
}

// setPool makes a pool, or replaces its placement.
func (t *turn) setPool(c *storagev1.SetPool) (created bool, _ *storagev1.Pool, err error) {
	p, err := checkPool(c.GetPool())
	if err != nil {
		return false, nil, err
	}
	row, err := loadPools(t.batch, t.keys)
	if err != nil {
		return false, nil, err
	}
	i, there := findPool(row, p.GetName())
	switch {
	case there && !c.GetUpdate() && (!says(p) || samePlacement(p, row.GetPools()[i])):
		return false, row.GetPools()[i], nil
	case there && !c.GetUpdate():
		return false, nil, fmt.Errorf("pool %q is there with another placement (%s, not %s): update it, or declare it as it is: %w",
			p.GetName(), placement(row.GetPools()[i]), placement(p), eventnode.ErrPoolDiffers)
	case !there && c.GetUpdate():
		return false, nil, poolNotFound(row, p.GetName())
	case !there && len(row.GetPools()) >= maxPools:
		return false, nil, &eventnode.LimitError{Limit: "max_pools", Max: maxPools, Got: len(row.GetPools()) + 1}
	case there:
		row.Pools[i] = p
	default:
		row.Pools = slices.Insert(row.Pools, i, p)
	}
	if err := agree(row, p.GetName()); err != nil {
		return false, nil, err
	}
	return !there, p, t.store(t.keys.pools(), row)
}

// agree fails if pools ask for different placements, when one has just been changed.
func agree(row *storagev1.PoolsRow, changed string) error {
	i, _ := findPool(row, eventnode.DefaultPool)
	base := row.GetPools()[i]
	for _, p := range row.GetPools() {
		if !says(p) || samePlacement(p, base) {
			continue
		}
		if changed == eventnode.DefaultPool {
			return invalid("pool %q asks for %s, and is placed as pool %q, in the one partition that there is in this version: first have it ask for nothing", p.GetName(), placement(p), changed)
		}
		return invalid("pool %q asks for %s, and in this version all streams are in one partition, which pool %q places: %s. Say neither replicas nor labels, or the same", changed, placement(p), eventnode.DefaultPool, placement(base))
	}
	return nil
}

// hasPool fails if a stream cannot be placed.
func (t *turn) hasPool(name string) error {
	if name == eventnode.DefaultPool {
		return nil
	}
	row, err := loadPools(t.batch, t.keys)
	if err != nil {
		return err
	}
	if _, there := findPool(row, name); !there {
		return poolNotFound(row, name)
	}
	return nil
}

// maxToldPools bounds the pools that an error names.
const maxToldPools = 10

// poolNotFound is the error that names the pools that there are.
func poolNotFound(row *storagev1.PoolsRow, name string) error {
	var names []string
	for _, p := range row.GetPools() {
		if names = append(names, p.GetName()); len(names) > maxToldPools {
			names[maxToldPools] = "..."
			break
		}
	}
	return fmt.Errorf("pool %.80q is not there, and these are: %s. Declare it first: %w", name, strings.Join(names, ", "), eventnode.ErrPoolNotFound)
}

// loadPools reads the pools. The default one is always among them.
func loadPools(r engine.Reader, k keys) (*storagev1.PoolsRow, error) {
	row := &storagev1.PoolsRow{}
	_, err := load(r, k.pools(), row)
	if i, there := findPool(row, eventnode.DefaultPool); !there {
		row.Pools = slices.Insert(row.Pools, i, &storagev1.Pool{Name: eventnode.DefaultPool})
	}
	return row, err
}

func findPool(row *storagev1.PoolsRow, name string) (int, bool) {
	return slices.BinarySearchFunc(row.GetPools(), name, func(p *storagev1.Pool, name string) int { return strings.Compare(p.GetName(), name) })
}

// Pools lists the pools, sorted by name.
func (v View) Pools() ([]*storagev1.Pool, error) {
	row, err := loadPools(v.r, v.keys)
	return row.GetPools(), unwrap(err)
}

// Placement is the pool that says where the partition's replicas are.
func (v View) Placement() (*storagev1.Pool, error) {
	pools, err := v.Pools()
	for _, p := range pools {
		if p.GetName() == eventnode.DefaultPool {
			return p, err
		}
	}
	return nil, errors.Join(err, damaged("there is no pool %s", eventnode.DefaultPool))
}

// pools looks at the row of the pools, if there is one.
func (c *verifier) pools() {
	c.each(c.keys.pools(), append(c.keys.pools(), 0), func(e engine.Entry) error {
		row := &storagev1.PoolsRow{}
		if err := decodeRow(e.Key, e.Value, row); err != nil {
			return err
		}
		for i, p := range row.GetPools() {
			if whole, err := checkPool(p); err != nil || !proto.Equal(whole, p) || i > 0 && p.GetName() <= row.GetPools()[i-1].GetName() {
				return damaged("row %x: pool %.80q is not as it was written", e.Key, p.GetName())
			}
		}
		return nil
	})
}
