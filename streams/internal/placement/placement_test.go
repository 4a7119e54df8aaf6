package placement

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func id(n int) uuid.UUID { return uuid.UUID{15: byte(n)} }

// sim is a cluster that follows the steps.
type sim struct {
	now     time.Time
	self    uuid.UUID // leads
	living  map[string]uuid.UUID
	old     map[uuid.UUID]bool // knows no commands of level 2
	level   uint32
	retired map[uuid.UUID]bool
	unfit   map[string]bool // nodes that lack what they are to have
	voters  int
	exact   bool
	members []Member
	memory  *Memory
}

func (s *sim) view() View {
	v := View{Self: s.self, Voters: s.voters, Exact: s.exact, Timeout: time.Minute, Level: s.level}
	for name, r := range s.living {
		n := Node{Name: name, Replica: r, Level: 2, Retired: s.retired[r], Unfit: s.unfit[name]}
		if s.old[r] {
			n.Level = 1
		}
		v.Living = append(v.Living, n)
	}
	v.Members = slices.Clone(s.members)
	for i := range v.Members {
		name, there := s.there(v.Members[i].ID)
		v.Members[i].Unfit = there && s.unfit[name]
		v.Members[i].CaughtUp = !v.Members[i].Voter && there
		v.Members[i].Retired = s.retired[v.Members[i].ID]
	}
	s.memory.Note(&v, s.now)
	return v
}

func (s *sim) there(r uuid.UUID) (string, bool) {
	for name, other := range s.living {
		if other == r {
			return name, true
		}
	}
	return "", false
}

func (s *sim) take(step Step) {
	i := slices.IndexFunc(s.members, func(m Member) bool { return m.ID == step.Replica })
	switch step.Action {
	case AddNonvoter:
		s.members = append(s.members, Member{ID: step.Replica})
	case Promote:
		s.members[i].Voter = true
	case Demote:
		s.members[i].Voter = false
	case HandOver:
		s.elect()
	case Remove:
		s.members = slices.Delete(s.members, i, i+1)
	}
}

// elect makes another voter that is there lead, any one.
func (s *sim) elect() {
	for _, m := range s.members {
		if _, there := s.there(m.ID); there && m.Voter && m.ID != s.self {
			s.self = m.ID
			s.memory = NewMemory()
			return
		}
	}
}

// retire has a replica go for good, if it may.
func (s *sim) retire(r uuid.UUID) (refused string) {
	if refused = Refusal(s.view(), r); refused == "" {
		s.retired[r] = true
	}
	return refused
}

// steps takes steps until there are none, and returns them in words.
func (s *sim) steps(t *testing.T) (words []string) {
	t.Helper()
	for range 20 {
		step, ok := Next(s.view())
		if !ok {
			return words
		}
		words = append(words, step.Action.String()+" "+string('0'+rune(step.Replica[15])))
		s.take(step)
		s.now = s.now.Add(time.Second)
	}
	t.Fatalf("no end: %v", words)
	return nil
}

func (s *sim) expect(t *testing.T, what string, want ...string) {
	t.Helper()
	if got := s.steps(t); !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func newSim() *sim {
	return &sim{
		now: time.Unix(0, 0), voters: 3, unfit: map[string]bool{}, self: id(1), living: map[string]uuid.UUID{"a": id(1)}, level: 1,
		old: map[uuid.UUID]bool{}, retired: map[uuid.UUID]bool{}, members: []Member{{ID: id(1), Voter: true}}, memory: NewMemory(),
	}
}

// three is a cluster of three.
func three(t *testing.T) *sim {
	s := newSim()
	s.living["b"], s.living["c"] = id(2), id(3)
	s.steps(t)
	return s
}

func TestStory(t *testing.T) {
	s := newSim()
	s.expect(t, "alone")
	s.living["b"], s.living["c"] = id(2), id(3)
	s.expect(t, "two more", "add as non-voter 2", "make a voter 2", "add as non-voter 3", "make a voter 3")
	s.living["d"] = id(4)
	s.expect(t, "enough")
	delete(s.living, "c")
	s.expect(t, "one is away")
	s.now = s.now.Add(2 * time.Minute)
	s.expect(t, "for too long", "add as non-voter 4", "make a voter 4", "remove 3")
	s.living["c"] = id(3)
	s.expect(t, "it is back, and not needed")
	s.living["b"] = id(5) // its disk was replaced
	s.expect(t, "a new disk", "remove 2", "add as non-voter 3", "make a voter 3")
}

// One that goes for good: its stand-in first, if there is one; the leader hands over.
func TestRetireStory(t *testing.T) {
	s := three(t)
	s.living["d"] = id(4)
	s.retire(id(3))
	s.expect(t, "with a stand-in", "add as non-voter 4", "make a voter 4", "take the vote of 3", "remove 3")
	s.expect(t, "it is still there, and is not taken back")
	s.retire(id(1))
	s.expect(t, "the leader, without a stand-in", "hand over from 1", "take the vote of 1", "remove 1")
	s.living["e"] = id(5)
	s.expect(t, "a new node", "add as non-voter 5", "make a voter 5")
	delete(s.living, "d")
	s.retire(id(4))
	s.expect(t, "a dead one", "remove 4")
	s.living["d"] = id(4)
	s.expect(t, "it comes back, and is not taken back")
}

func TestRefusal(t *testing.T) {
	s := three(t)
	delete(s.living, "c")
	if why := s.retire(id(2)); !strings.Contains(why, "of the 2 replicas that would remain 1 answer") {
		t.Errorf("one of three is dead, another one leaves: %q", why)
	}
	s.living["d"] = id(4)
	if why := s.retire(id(2)); why != "" {
		t.Errorf("with a stand-in: %s", why)
	}
	s.expect(t, "and so it goes", "add as non-voter 4", "make a voter 4", "take the vote of 2", "remove 2")
	delete(s.living, "d")
	if why := s.retire(id(9)); why != "" {
		t.Errorf("it is no member: %s", why)
	}

	s = newSim()
	if why := s.retire(id(1)); !strings.Contains(why, "the last copy") {
		t.Errorf("the last one: %q", why)
	}
	s.living["b"] = id(2)
	if why := s.retire(id(1)); why != "" {
		t.Errorf("with another node: %s", why)
	}
	s.expect(t, "it is taken over", "add as non-voter 2", "make a voter 2", "hand over from 1", "take the vote of 1", "remove 1")
}

// Two that go at once: each majority is one of those that stay.
func TestTwoRetire(t *testing.T) {
	s := three(t)
	if s.retire(id(1)) != "" || s.retire(id(2)) != "" {
		t.Fatal("refused")
	}
	s.expect(t, "two of three", "take the vote of 2", "remove 2", "hand over from 1", "take the vote of 1", "remove 1")
	if why := s.retire(id(3)); !strings.Contains(why, "the last copy") {
		t.Errorf("all three: %q", why)
	}
}

// New commands are used when all members are there and know them, and then nobody
// becomes a member who does not.
func TestLevel(t *testing.T) {
	s := three(t)
	level := func(want uint32, more bool) {
		t.Helper()
		if got, m := Level(s.view()); m != more || more && got != want {
			t.Errorf("level %d, %v", got, m)
		}
	}
	s.old[id(2)] = true
	level(1, false)
	delete(s.old, id(2))
	delete(s.living, "c") // it may come back with an older program
	level(1, false)
	s.living["c"] = id(3)
	level(2, true)
	s.level = 2
	level(2, false)
	s.living["d"], s.old[id(4)] = id(4), true
	delete(s.living, "c")
	s.view()
	s.now = s.now.Add(2 * time.Minute)
	s.expect(t, "a stand-in with an older program is none")
	delete(s.old, id(4))
	s.expect(t, "upgraded", "add as non-voter 4", "make a voter 4", "remove 3")
}

func TestNothingBelowAMajority(t *testing.T) {
	s := newSim()
	s.living["b"], s.living["c"] = id(2), id(3)
	s.steps(t)
	delete(s.living, "c")
	s.living["b"] = id(6)
	// Without 2 there would be 1 and 3, of which 3 is away.
	if step, ok := Next(s.view()); ok && step.Action == Remove {
		t.Errorf("%v", step)
	}
}

// Whatever comes and goes, a step never leaves fewer voters there than a majority,
// if there was one before; and it ends.
func TestRandom(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 7))
		s := newSim()
		for n := 2; n < 40; n++ {
			switch name := string('a' + rune(rng.IntN(6))); rng.IntN(7) {
			case 0:
				s.living[name] = id(n)
			case 1:
				delete(s.living, name)
			case 2:
				s.now = s.now.Add(time.Duration(rng.IntN(100)) * time.Second)
			case 3:
				s.old[id(n+1)] = rng.IntN(2) == 0
			case 5:
				s.unfit[name] = rng.IntN(2) == 0
			case 6:
				s.voters, s.exact = 1+rng.IntN(5), rng.IntN(4) > 0
			case 4:
				if r := s.members[rng.IntN(len(s.members))].ID; s.hasMajority() {
					s.retire(r)
				}
			}
			if !s.lead() {
				continue
			}
			s.checkMemory(t, seed)
			before := s.hasMajority()
			for i := 0; ; i++ {
				step, ok := Next(s.view())
				if !ok {
					break
				}
				s.take(step)
				if before && !s.hasMajority() {
					t.Fatalf("seed %d: %v left no majority: %+v", seed, step, s.members)
				}
				if i > 60 {
					t.Fatalf("seed %d: no end", seed)
				}
			}
			s.checkRetired(t, seed)
			s.checkDisplaced(t, seed)
		}
	}
}

// lead makes a voter lead that is there, if a majority is.
func (s *sim) lead() bool {
	if _, there := s.there(s.self); !there {
		s.elect()
	}
	return s.hasMajority()
}

// checkRetired: when nothing more is done, whoever goes for good is gone, unless too
// few of the others are there; and nobody who is gone came back.
func (s *sim) checkRetired(t *testing.T, seed uint64) {
	t.Helper()
	for i, m := range s.view().Members {
		if m.Retired && (!m.Voter || s.view().canDoWithout(m)) {
			t.Fatalf("seed %d: %v stays: %+v", seed, m.ID, s.view())
		}
		if m.Retired && !s.members[i].Voter {
			t.Fatalf("seed %d: %v is a member again", seed, m.ID)
		}
	}
}

func (s *sim) hasMajority() bool {
	voters, there := 0, 0
	for _, m := range s.members {
		if m.Voter {
			voters++
			if _, ok := s.there(m.ID); ok {
				there++
			}
		}
	}
	return there > voters/2
}
