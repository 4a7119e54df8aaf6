package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/source"
)

// kept is a directory that counts what it is told, and fails now and then.
type kept struct {
	*directory.State
	changes int
	fails   func() bool
}

func (k *kept) View(f func(View)) { f(k.State) }

func (k *kept) Submit(_ context.Context, changes ...*eventnodev1.DirectoryChange) (refused []error, err error) {
	if k.fails != nil && k.fails() {
		return nil, errors.New("not now")
	}
	for _, c := range changes {
		k.changes++
		_, err := k.Apply(c)
		refused = append(refused, err)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", c, err)
		}
	}
	return refused, nil
}

// fed is a cache, and a directory that is fed from it.
type fed struct {
	t   *testing.T
	c   *cache.Cache
	f   *Feeder
	dir *kept
}

func newFed(t *testing.T) *fed {
	store, err := cache.NewMemory(cache.MemoryConfig{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.New(cache.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	state, err := directory.New(directory.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	dir := &kept{State: state}
	return &fed{t, c, New(Config{Cache: c, Directory: dir}), dir}
}

func (w *fed) say(name, data string) {
	w.t.Helper()
	p := source.Payload{Name: name, Data: json.RawMessage(data)}
	if _, err := w.c.Write(w.t.Context(), p); err != nil {
		w.t.Fatalf("%s %s: %v", name, data, err)
	}
	w.f.Note(w.t.Context(), p)
}

// settle does what is due.
func (w *fed) settle() {
	w.t.Helper()
	for {
		guild, d := w.f.next()
		if d == nil {
			return
		}
		if err := w.f.feed(w.t.Context(), guild, d); err != nil {
			if w.dir.fails == nil {
				w.t.Fatal(err)
			}
			w.f.add(guild, d.again, true)
		}
	}
}

// check compares the directory with one that is told of the whole guild.
func (w *fed) check() {
	w.t.Helper()
	want, err := directory.New(directory.Limits{})
	if err != nil {
		w.t.Fatal(err)
	}
	for c, err := range Guild(w.t.Context(), w.c, 1) {
		if errors.Is(err, cache.ErrNotFound) {
			break
		}
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := want.Apply(c); err != nil {
			w.t.Fatalf("%v: %v", c, err)
		}
	}
	if got, want := rows(w.dir.State), rows(want); !slices.Equal(got, want) {
		w.t.Fatalf("the directory has\n%v\nwant\n%v", got, want)
	}
}

// rows are the guild's, and its members' names.
func rows(s *directory.State) (out []string) {
	add := func(m proto.Message) { out = append(out, fmt.Sprint(m)) }
	add(s.Guild(1))
	for _, r := range s.Roles(1) {
		add(r)
	}
	for _, c := range s.Channels(1) {
		add(c)
	}
	for m := range s.Members(1) {
		add(m)
		out = append(out, s.User(cache.Snowflake(m.GetUserId())).GetUsername())
	}
	for i, text := range out {
		out[i] = string(slices.DeleteFunc([]byte(text), func(b byte) bool { return b == ' ' })) // which protobuf varies
	}
	return out
}

// Whatever happens in a guild, in whatever order and however late it is fed, and if the
// directory fails now and then, it becomes what a whole guild makes of nothing.
func TestFeeder(t *testing.T) {
	for range 200 {
		seed := rand.Uint64()
		rnd := rand.New(rand.NewPCG(seed, 0))
		w := newFed(t)
		w.dir.fails = func() bool { return rnd.IntN(10) == 0 }
		w.say("GUILD_CREATE", whole(rnd))
		for range 60 {
			w.step(rnd)
			if rnd.IntN(3) == 0 {
				w.settle()
				w.check()
			}
		}
		w.settle()
		w.check()
		if t.Failed() {
			t.Fatal("seed", seed)
		}
	}
}

func whole(rnd *rand.Rand) string {
	return fmt.Sprintf(`{"id":"1","name":"g","owner_id":"40","member_count":2,"roles":[{"id":"1","name":"@everyone","permissions":"1024"},{"id":"%d","name":"r","permissions":"8"}],
		"channels":[{"id":"%d","type":4,"name":"cat"},{"id":"%d","type":0,"name":"c","parent_id":"%d"}],
		"members":[{"user":{"id":"40","username":"ann"},"roles":[]},{"user":{"id":"%d","username":"ben"},"roles":["11"]}]}`,
		10+rnd.IntN(4), 20+rnd.IntN(3), 25+rnd.IntN(3), 20+rnd.IntN(3), 41+rnd.IntN(4))
}

// step is something that happens.
func (w *fed) step(rnd *rand.Rand) {
	role, category, channel, user := 10+rnd.IntN(4), 20+rnd.IntN(3), 25+rnd.IntN(3), 41+rnd.IntN(4)
	switch n := rnd.IntN(1_000); rnd.IntN(14) {
	case 0:
		w.say("GUILD_ROLE_UPDATE", fmt.Sprintf(`{"guild_id":"1","role":{"id":"%d","name":"r%d","position":1,"permissions":"%d"}}`, role, n, n))
	case 1:
		w.say("GUILD_ROLE_CREATE", fmt.Sprintf(`{"guild_id":"1","role":{"id":"%d","name":"r","permissions":"0"}}`, role))
	case 2:
		w.say("GUILD_ROLE_DELETE", fmt.Sprintf(`{"guild_id":"1","role_id":"%d"}`, role))
	case 3:
		w.say("CHANNEL_CREATE", fmt.Sprintf(`{"id":"%d","guild_id":"1","type":4,"name":"cat%d"}`, category, n))
	case 4, 5:
		w.say("CHANNEL_UPDATE", fmt.Sprintf(`{"id":"%d","guild_id":"1","type":0,"name":"c%d","parent_id":"%d","permission_overwrites":[
			{"id":"%d","type":1,"allow":"1024","deny":"0"},{"id":"%d","type":0,"allow":"0","deny":"1024"}]}`, channel, n, category, user, role))
	case 6:
		w.say("CHANNEL_DELETE", fmt.Sprintf(`{"id":"%d","guild_id":"1","type":0}`, []int{category, channel}[rnd.IntN(2)]))
	case 7, 8:
		w.say("GUILD_MEMBER_ADD", fmt.Sprintf(`{"guild_id":"1","user":{"id":"%d","username":"u%d"},"roles":["%d"]}`, user, n, role))
	case 9:
		w.say("GUILD_MEMBER_REMOVE", fmt.Sprintf(`{"guild_id":"1","user":{"id":"%d"}}`, user))
	case 10:
		w.say("USER_UPDATE", fmt.Sprintf(`{"id":"%d","username":"n%d"}`, user, n))
	case 11:
		w.say("GUILD_UPDATE", fmt.Sprintf(`{"id":"1","name":"g%d","owner_id":"40","roles":[{"id":"1","name":"@everyone","permissions":"1024"},{"id":"%d","name":"only","permissions":"0"}]}`, n, role))
	case 12:
		w.say("GUILD_DELETE", fmt.Sprintf(`{"id":"1","unavailable":%v}`, n%2 == 0))
		w.settle()
		w.say("GUILD_CREATE", whole(rnd))
	default:
		w.say("GUILD_CREATE", whole(rnd))
	}
}

// What the directory has already is not written again: it is kept for ever.
func TestFeederWritesOnce(t *testing.T) {
	w := newFed(t)
	data := whole(rand.New(rand.NewPCG(1, 1)))
	w.say("GUILD_CREATE", data)
	w.settle()
	before := w.dir.changes
	w.say("GUILD_CREATE", data)
	w.say("GUILD_UPDATE", `{"id":"1","name":"g"}`)
	w.say("MESSAGE_CREATE", `{"id":"9","channel_id":"25","guild_id":"1"}`)
	w.settle()
	if before == 0 || w.dir.changes != before {
		t.Errorf("%d changes, then %d", before, w.dir.changes)
	}
	w.say("GUILD_DELETE", `{"id":"1","unavailable":true}`)
	w.settle()
	if w.dir.Guild(1) == nil {
		t.Error("a guild that cannot be reached for now is gone")
	}
}

// While the directory takes nothing, so much is due and no more: who tells of it waits, and
// goes on when there is room.
func TestFeederIsBounded(t *testing.T) {
	w := newFed(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // so it waits for nothing
	add := func(user int) {
		w.f.Note(ctx, source.Payload{Name: "GUILD_MEMBER_ADD", Data: fmt.Appendf(nil, `{"guild_id":"1","user":{"id":"%d"}}`, user)})
	}
	for i := range 3 * mostDue {
		add(i + 1)
	}
	for i := range 2 * maxGuilds {
		w.f.Note(ctx, source.Payload{Name: "GUILD_CREATE", Data: fmt.Appendf(nil, `{"id":"%d"}`, i+2)})
	}
	if len(w.f.due) != maxGuilds || len(w.f.due[1].members) != mostDue {
		t.Errorf("%d guilds and %d members are due, want %d and %d", len(w.f.due), len(w.f.due[1].members), maxGuilds, mostDue)
	}
	w.settle()
	add(1)
	if len(w.f.due) != 1 {
		t.Error("there is no room")
	}
}
