package state

import (
	"fmt"
	"slices"
	"testing"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// What can be asked of groups: pages of them, lag, who holds what, what is pending
// and since when, and how many events fit.
func TestGroupViews(t *testing.T) {
	d := newDesk(t, nil, 30)
	for _, name := range []string{"z", "b"} {
		d.do(opOf(&storagev1.AddGroup{Group: &storagev1.GroupRef{Stream: 1, Group: name}}))
	}
	d.lease(3, 1)
	d.lease(1, 1)
	d.fetch(1, 3)
	d.now += 70
	d.fetch(3, 4)
	d.do(opOf(&storagev1.EndLease{Group: "g", Consumer: 1, Leases: leaseOf(1, d.epochs[1])}))
	s, err := d.view().Stream(Name{"", "a"})
	if err != nil {
		t.Fatal(err)
	}
	var groups, leases, consumers, pending []string
	for g, err := range d.view().Groups(s, "b") {
		groups = append(groups, fmt.Sprint(g.Name, g.Lag, err))
	}
	for l, err := range d.view().Leases() {
		leases = append(leases, fmt.Sprint(l.Stream, l.Group, l.Consumer, l.Epoch, string(l.Holder), err))
	}
	g := d.group("a")
	for c, err := range d.view().Consumers(s, g, 0) {
		consumers = append(consumers, fmt.Sprint(c.Number, c.Row.GetPending(), err))
	}
	for p, err := range d.view().Pending(s, g, 0) {
		pending = append(pending, fmt.Sprint(span(p.Events), p.Row.GetConsumer(), p.Row.GetDeliveredMs(), err))
	}
	for what, c := range map[string][2][]string{
		"groups":    {groups, {"g23 <nil>", "z30 <nil>"}},
		"leases":    {leases, {"1g3 1h000000000000003<nil>"}},
		"consumers": {consumers, {"1 3 <nil>", "3 4 <nil>"}},
		"pending":   {pending, {"1-31 1000 <nil>", "4-73 1070 <nil>"}},
	} {
		if !slices.Equal(c[0], c[1]) {
			t.Errorf("%s: %q, want %q", what, c[0], c[1])
		}
	}
	if g.Row.GetDelivered() != 7 || g.Row.GetDeliveredMs() != 1070 || g.Row.GetFloor() != 1 {
		t.Errorf("%v", g.Row)
	}
	size := len(benchEvent())
	for bytes, want := range map[int]uint64{1: 4, 4 * size: 4, 5 * size: 4, 14 * size: 14, 1000 * size: 20} {
		if n, err := d.view().Fit(1, 7, 20, bytes); err != nil || n != want {
			t.Errorf("%d bytes: %d events, want %d, %v", bytes, n, want, err)
		}
	}
}
