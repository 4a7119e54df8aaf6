package state

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// poolOp describes a pool; words are keys and values of labels.
func poolOp(name string, replicas uint32, update bool, words ...string) op {
	p := &storagev1.Pool{Name: name, Replicas: replicas}
	for i := 0; i < len(words); i += 2 {
		p.Labels = append(p.Labels, &storagev1.Label{Key: words[i], Value: words[i+1]})
	}
	return op{Command: &storagev1.Command{Command: &storagev1.Command_SetPool{SetPool: &storagev1.SetPool{Pool: p, Update: update}}}}
}

// setPool is the dumb machine's: a placement is text, and a change is made to a copy.
func (m *model) setPool(c *storagev1.SetPool) modelResult {
	p := c.GetPool()
	set := map[string]bool{}
	var words []string
	for _, l := range p.GetLabels() {
		set[l.GetKey()] = true
		words = append(words, l.GetKey()+"="+l.GetValue())
	}
	slices.Sort(words)
	if p.GetName() == "a b" || p.GetReplicas() > 5 || len(set) < len(words) {
		return refused(eventnode.ErrInvalidArgument)
	}
	want := ""
	if p.GetReplicas() > 0 || len(words) > 0 {
		want = fmt.Sprint(p.GetReplicas(), words)
	}
	old, there := m.pools[p.GetName()]
	switch {
	case there && !c.GetUpdate() && (want == "" || want == old):
		return modelResult{}
	case there && !c.GetUpdate():
		return refused(eventnode.ErrPoolDiffers)
	case !there && c.GetUpdate():
		return refused(eventnode.ErrPoolNotFound)
	}
	m.pools[p.GetName()] = want
	for name, says := range m.pools {
		if says != "" && says != m.pools["default"] && name != "default" {
			if m.pools[p.GetName()] = old; !there {
				delete(m.pools, p.GetName())
			}
			return refused(eventnode.ErrInvalidArgument)
		}
	}
	return modelResult{created: !there}
}

// What is refused is refused in words, and changes nothing.
func TestPools(t *testing.T) {
	s := inMemory(t)
	config := func(pool string) *storagev1.StreamConfig { return &storagev1.StreamConfig{Pool: pool} }
	for i, step := range []struct {
		do   op
		want error
		says string
	}{
		{declareOp(Name{Name: "a"}, config("ssd"), false), eventnode.ErrPoolNotFound, `pool "ssd" is not there, and these are: default.`},
		{poolOp("ssd", 0, false), nil, ""},
		{poolOp("ssd", 0, false), nil, ""},
		{declareOp(Name{Name: "a"}, config("ssd"), false), nil, ""},
		{declareOp(Name{Name: "b"}, config("hdd"), false), eventnode.ErrPoolNotFound, "these are: default, ssd."},
		{poolOp("ssd", 3, false), eventnode.ErrPoolDiffers, "(as many replicas as the nodes were told on any nodes, not 3 replicas on any nodes)"},
		{poolOp("ssd", 3, true, "disk", "ssd"), eventnode.ErrInvalidArgument, `pool "ssd" asks for 3 replicas on nodes with disk=ssd, and in this version`},
		{poolOp("default", 3, true, "disk", "ssd"), nil, ""},
		{poolOp("ssd", 3, true, "disk", "ssd"), nil, ""},
		{poolOp("default", 5, true), eventnode.ErrInvalidArgument, `pool "ssd" asks for 3 replicas on nodes with disk=ssd, and is placed as pool "default"`},
		{poolOp("ssd", 0, true), nil, ""},
		{poolOp("default", 5, true), nil, ""},
		{poolOp("default", 0, false), nil, ""},
		{poolOp("no", 0, true), eventnode.ErrPoolNotFound, "these are: default, ssd."},
		{poolOp("many", 6, false), eventnode.ErrInvalidArgument, "at most 5"},
		{poolOp("twice", 0, false, "a", "1", "a", "2"), eventnode.ErrInvalidArgument, "twice"},
		{poolOp("", 0, false), eventnode.ErrInvalidArgument, "is empty"},
	} {
		r := s.play(entryOf(t, 1000+int64(i), step.do))[0]
		if !errors.Is(r.Err, step.want) || step.want != nil && !strings.Contains(r.Err.Error(), step.says) {
			t.Errorf("step %d: %v, want %q", i, r.Err, step.says)
		}
	}
	pools, err := s.view().Pools()
	if err != nil || len(pools) != 2 || pools[0].GetName() != "default" || pools[0].GetReplicas() != 5 || says(pools[1]) {
		t.Errorf("%v, %v", pools, err)
	}
}

func TestPoolsAreBounded(t *testing.T) {
	s := inMemory(t)
	for i := range maxPools {
		r := s.play(entryOf(t, 1000, poolOp(fmt.Sprintf("p%03d", i), 0, false)))[0]
		if full := i == maxPools-1; errors.Is(r.Err, eventnode.ErrLimit) != full { // one is the default
			t.Fatalf("pool %d: %v", i, r.Err)
		}
	}
	r := s.play(entryOf(t, 1000, declareOp(Name{Name: "a"}, &storagev1.StreamConfig{Pool: "x"}, false)))[0]
	if text := fmt.Sprint(r.Err); !strings.Contains(text, "default, p000") || !strings.Contains(text, "...") || len(text) > 300 {
		t.Errorf("%s", text)
	}
}
