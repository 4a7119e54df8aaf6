package state

import (
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine/enginetest"
)

// smallBounds make what is rare happen often.
func smallBounds() bounds {
	return bounds{producers: 4, chunks: 3, forget: 5, acked: 3, rows: 2, ahead: 3, bury: 2}
}

// chance makes commands that mean something to a model's state.
type chance struct {
	*rand.Rand
	*model
}

func pick[T any](c chance, from ...T) T { return from[c.IntN(len(from))] }

func (c chance) entry() (stamp int64, ops []op) {
	stamp = c.now + pick(c, 0, 0, 1, 1, c.Int64N(8), c.Int64N(300), -c.Int64N(100_000))
	if c.IntN(400) == 0 {
		stamp += 3_600_000
	}
	for range 1 + c.IntN(4)*c.IntN(3) {
		ops = append(ops, c.op())
	}
	return stamp, ops
}

func (c chance) op() op {
	switch n := c.IntN(100); {
	case n < 62:
		return c.publish()
	case n < 78:
		return declareOp(c.name(), c.config(), c.IntN(6) == 0)
	case n < 86:
		return updateOp(c.name(), c.config())
	case n < 89:
		return deleteOp(c.name())
	case n < 98:
		return tickOp(c.stream(), c.stream())
	case n < 99:
		return op{Command: &storagev1.Command{Command: &storagev1.Command_Compare{Compare: &storagev1.Compare{Chain: 1}}}}
	case n < 100 && c.IntN(4) == 0:
		return poolOp(pick(c, "default", "hdd", "ssd", "a b"), pick(c, uint32(0), 0, 0, 3, 6), c.IntN(3) == 0, pick(c, nil, nil, []string{"disk", "ssd"}, []string{"z", "1", "a", "2"}, []string{"a", "1", "a", "2"})...)
	case n < 100 && c.IntN(3) == 0:
		return op{Command: raiseOp(uint32(c.IntN(2)))}
	case n < 100 && c.IntN(2) == 0:
		return op{Command: noteOp(numberedID('r', c.IntN(4)), pick(c, "", "n1", "n2"), storagev1.Departure(c.IntN(3)))}
	default:
		uuid := numberedID('u', c.IntN(2))
		return op{Command: &storagev1.Command{Command: &storagev1.Command_SetCluster{SetCluster: &storagev1.SetCluster{Uuid: uuid}}}}
	}
}

// name prefers a stream that has grown too large to be compared each time.
func (c chance) name() Name {
	n := Name{pick(c, "", "ns", "ns2"), pick(c, "a", "b")}
	for _, s := range c.names {
		if s.last-s.first > 150 && s.name.Name < n.Name {
			return s.name
		}
	}
	return n
}

func (c chance) stream() uint64 {
	if s := c.names[c.name()]; s != nil {
		return s.id
	}
	return c.Uint64N(c.made + 2)
}

// config is mostly the one that the name has had before, so that it is equal.
func (c chance) config() *storagev1.StreamConfig {
	if s := c.names[c.name()]; s != nil && c.IntN(3) > 0 {
		cfg := proto.CloneOf(s.cfg)
		cfg.Groups = pick(c, nil, []string{"g1"}, []string{"g2", "g1", "g2"})
		return cfg
	}
	cfg := &storagev1.StreamConfig{
		Retain:   pick(c, storagev1.Retain_RETAIN_UNSPECIFIED, storagev1.Retain_RETAIN_ACKED, storagev1.Retain_RETAIN_LIMITS, storagev1.Retain_RETAIN_LIMITS),
		MaxBytes: pick[uint64](c, 0, 0, 100, 600, 2000), DedupeWindowMs: pick(c, uint64(0), 5, 40, 4000, MaxMS, MaxMS), DedupeMax: pick[uint64](c, 0, 1, 9, 9, 17, 30),
	}
	if cfg.GetRetain() == storagev1.Retain_RETAIN_LIMITS || c.IntN(10) == 0 {
		cfg.MaxAgeMs, cfg.MaxCount = pick(c, uint64(0), 0, 1, 30, 400, MaxMS), pick[uint64](c, 0, 0, 1, 7, 40)
	}
	if c.IntN(30) == 0 {
		cfg.Pool = "ssd"
	}
	return cfg
}

func (c chance) publish() op {
	var events []string
	for range 1 + c.IntN(3)*c.IntN(4) {
		events = append(events, anEvent(pick(c, "a", "bb"), c.IntN(30)*c.IntN(9)))
	}
	o := publishOp(c.stream(), events...)
	p := o.GetPublish()
	s := c.ids[p.GetStream()]
	if s != nil && c.IntN(4) == 0 {
		p.ExpectLast = &storagev1.Position{Ms: s.position.MS, Seq: s.position.Seq + uint64(c.IntN(4)/3)}
	}
	if s != nil && c.IntN(2) == 0 {
		id := numberedID('p', c.IntN(7))
		p.Producer = &storagev1.ProducerBatch{Producer: id, Number: s.producers[string(id)].number + pick[uint64](c, 0, 1, 1, 1, 1, 2)}
	}
	if c.IntN(3) == 0 {
		for range events {
			p.DedupeIds = append(p.DedupeIds, numberedID('e', c.IntN(40))...)
		}
	}
	if c.IntN(3) == 0 {
		p.KeySlots = make([]byte, 2*len(events))
		p.KeySlots[0] = byte(c.IntN(16))
	}
	if c.IntN(40) == 0 {
		p.DedupeIds, p.KeySlots = pick(c, nil, make([]byte, 5), make([]byte, 160)), pick(c, nil, make([]byte, 3), make([]byte, 20))
	}
	return o
}

// The machine answers, counts and keeps as the model does, whatever comes; the
// rows agree with each other after each entry; positions are used once, also by a
// stream that was deleted and made again.
func TestModel(t *testing.T) {
	commands := 60_000
	if testing.Short() {
		commands = 3_000
	}
	seed := enginetest.Seed(t)
	r := inMemory(t)
	r.bounds = smallBounds()
	c := chance{newRand(seed), newModel(r.bounds)}
	seen := map[string]int{}
	for done := 0; done < commands; {
		stamp, ops := c.entry()
		before := c.now
		got, want := r.play(entryOf(t, stamp, ops...)), c.model.entry(stamp, ops)
		done += len(ops)
		err := sameResults(got, want)
		for i, o := range ops {
			seen[want[i].reason]++
			if s := c.ids[o.GetPublish().GetStream()]; err == nil && s != nil {
				err = sameStream(r.view(), s, c.Rand)
			}
		}
		if err == nil {
			err = checkRows(r.store)
		}
		if err == nil && c.reused != nil {
			err = c.reused
		}
		if err == nil {
			err = sameLists(r.view(), c.model, c.now+c.Int64N(100))
		}
		if err != nil {
			t.Fatalf("after %d commands, at %d (stamp %d, before %d): %v\n%v", done, c.now, stamp, before, err, ops)
		}
	}
	t.Logf("answers: %v", seen)
}
