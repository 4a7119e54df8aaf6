package dispatch

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/pattern"
)

// evenKeys is a kind whose keys are of even length.
type evenKeys struct{}

func (evenKeys) ParseKey(key string) error {
	if len(key)%2 != 0 {
		return errors.New("its key has an odd length")
	}
	return nil
}

func testRegistry(t testing.TB) *Registry {
	t.Helper()
	r := NewRegistry()
	if err := r.Register("even", evenKeys{}); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParseTopic(t *testing.T) {
	r := testRegistry(t)
	for _, tc := range []struct{ topic, want string }{ // want: part of the reason, empty if it is good
		{"topic:a", ""},
		{"topic:orders.eu", ""},
		{"topic:a:b", ""},
		{"topic:über", ""},
		{"topic:a*b.c>", ""},
		{"topic:..", ""},
		{"even:ab", ""},
		{"topic:" + strings.Repeat("x", 249), ""},
		{"topic:" + strings.Repeat("x", 250), "max_topic_bytes (255)"},
		{"", "empty"},
		{"topic", "no colon"},
		{"topic:", "key is empty"},
		{":a", "kind is not"},
		{"Topic:a", "kind is not"},
		{"1:a", "kind is not"},
		{strings.Repeat("k", 33) + ":a", "kind is not"},
		{"guild:1", "unknown kind"},
		{"even:abc", "odd length"},
		{"topic:a b", "space"},
		{"topic:a\u00a0b", "space"},
		{"topic:a\nb", "space"},
		{"topic:a\x00", "control"},
		{"topic:a\x7f", "control"},
		{"topic:a\u0085", "space"},
		{"topic:\xff", "UTF-8"},
		{"topic:*", `"*" makes it a pattern`},
		{"topic:a.*.b", `"*" makes it a pattern`},
		{"topic:a.>", `">" makes it a pattern`},
		{"reply:ABCDEFGHIJKLMNOPQRSTUV", ""},
		{"reply:abc-_Z0123456789abcdefgh", ""},
		{"reply:" + strings.Repeat("k", 64), ""},
		{"reply:" + strings.Repeat("k", 65), "22 to 64 letters"},
		{"reply:" + strings.Repeat("k", 21), "nobody guesses it"},
		{"reply:ABCDEFGHIJKLMNOPQRSTU.", "letters, digits, - and _"},
		{"reply:*", "patterns cannot be subscribed to"},
		{"reply:ABCDEFGHIJKLMNOPQRSTUV.>", "patterns cannot be subscribed to"},
	} {
		got, err := r.ParseTopic(tc.topic, 255)
		if tc.want == "" {
			if err != nil || got.String() != tc.topic {
				t.Errorf("%q: %v, %v", tc.topic, got, err)
			}
			continue
		}
		var te *eventnode.TopicError
		if !errors.As(err, &te) || !errors.Is(err, eventnode.ErrBadTopic) || !strings.Contains(te.Reason, tc.want) {
			t.Errorf("%q: %v, want %q", tc.topic, err, tc.want)
		}
	}
}

// Nobody subscribes to the inboxes of others: no pattern stands for one, of its kind or of
// another one.
func TestNoPatternStandsForAnInbox(t *testing.T) {
	r := testRegistry(t)
	for _, topic := range []string{"reply:*", "reply:>", "reply:*.*", "reply:ABCDEFGHIJKLMNOPQRSTUV.*", "reply:ABCDEFGHIJKLMNOPQRSTU*"} {
		if _, _, err := r.ParseInterest(topic, 255); !errors.Is(err, eventnode.ErrBadTopic) || !strings.Contains(err.Error(), "one requester's own") {
			t.Errorf("%s: %v", topic, err)
		}
	}
	for _, p := range []string{"topic:>", "topic:*"} {
		if pattern.Match(p, "reply:ABCDEFGHIJKLMNOPQRSTUV") {
			t.Errorf("%s stands for an inbox", p)
		}
	}
}

func TestParseTopicAllocatesNothing(t *testing.T) {
	r := testRegistry(t)
	if n := testing.AllocsPerRun(100, func() { _, _ = r.ParseTopic("topic:orders.eu.straße", 255) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRegister(t *testing.T) {
	r := testRegistry(t)
	for _, kind := range []string{"", "A", "1a", "a-b", "topic", "reply", "even", strings.Repeat("k", 33)} {
		if err := r.Register(kind, evenKeys{}); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%q: %v", kind, err)
		}
	}
	if err := r.Register("nobody", nil); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("no backend: %v", err)
	}
}

// naiveTopic is ParseTopic for the built-in kind, written down as it is said.
func naiveTopic(topic string) bool {
	key, ok := strings.CutPrefix(topic, "topic:")
	if !ok || key == "" || len(topic) > 255 || !utf8.ValidString(key) ||
		strings.ContainsFunc(key, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return false
	}
	for token := range strings.SplitSeq(key, ".") {
		if token == "*" || token == ">" {
			return false
		}
	}
	return true
}

func FuzzParseTopic(f *testing.F) {
	for _, s := range []string{"topic:a", "topic:a.*", "topic:", "topic:\xff", "x", "topic:a b", "even:ab", "topic:..>"} {
		f.Add(s)
	}
	r := testRegistry(f)
	f.Fuzz(func(t *testing.T, topic string) {
		got, err := r.ParseTopic(topic, 255)
		if err != nil {
			if !errors.Is(err, eventnode.ErrBadTopic) {
				t.Errorf("%q: %v", topic, err)
			}
		} else if got.String() != topic {
			t.Errorf("%q came back as %q", topic, got)
		}
		if got.Kind != "even" && !strings.HasPrefix(topic, "reply:") && (err == nil) != naiveTopic(topic) {
			t.Errorf("%q: %v", topic, err)
		}
	})
}
