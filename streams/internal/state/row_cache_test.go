package state

import (
	"slices"
	"testing"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// A row that is read again is what the store has, also after it was changed, changed
// back, and in a batch that was dropped.
func TestRowCache(t *testing.T) {
	r := inMemory(t)
	ref := func(group string) *storagev1.GroupRef { return &storagev1.GroupRef{Stream: 1, Group: group} }
	add := func(group string) []byte { return entryOf(t, 1, opOf(&storagev1.AddGroup{Group: ref(group)})) }
	remove := func(group string) []byte { return entryOf(t, 1, opOf(&storagev1.RemoveGroup{Group: ref(group)})) }
	r.play(entryOf(t, 1, declareOp(Name{"", "a"}, nil, true)))
	has := func(want ...string) {
		t.Helper()
		// What a command sees, and what the store has.
		row, err := r.rows.load(r.store, r.keys.stream(1), 1)
		st, _, viewErr := r.view().ByNumber(1)
		if err != nil || viewErr != nil || !slices.Equal(row.GetConfig().GetGroups(), want) || !slices.Equal(st.Row.GetConfig().GetGroups(), want) {
			t.Errorf("groups %v, and in the store %v, want %v: %v, %v", row.GetConfig().GetGroups(), st.Row.GetConfig().GetGroups(), want, err, viewErr)
		}
	}
	for range 3 {
		r.play(add("g"))
		has("g")
		r.play(remove("g"))
		has()
	}
	r.play(add("h"))
	batch := r.store.NewBatch()
	if _, err := r.Apply(batch, add("dropped")); err != nil {
		t.Fatal(err)
	}
	batch.Close()
	has("h")
	r.play(add("i"))
	has("h", "i")
}
