package encoding

import (
	"encoding/binary"
	hexadecimal "encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/sessions"
)

// What is written Erlang's binary_to_term reads, and it is what the data says: atoms,
// integers, floats and binaries as the protocol has them. And what term_to_binary makes of
// that, in each of its versions, is read as the same payload.
func TestErlang(t *testing.T) {
	if _, err := exec.LookPath("escript"); err != nil {
		t.Skip("no Erlang on this machine (Debian: erlang-base): ", err)
	}
	const events = 1_000
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var all []*sessions.Event
	var file []byte
	for seq := range uint64(events) {
		e := randomEvent(t, r)
		term, err := NewWriter(ETF, None).Event(nil, seq, e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
		file = append(binary.BigEndian.AppendUint32(file, uint32(len(term))), term...)
	}
	path := filepath.Join(t.TempDir(), "terms")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("escript", "testdata/terms.escript", path).Output()
	if err != nil {
		t.Fatalf("%v: %.1000s", err, out)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != events {
		t.Fatalf("%d lines of %d", len(lines), events)
	}
	for seq, line := range lines {
		e := all[seq]
		fields := strings.Split(line, " ")
		kind := any(e.Type)
		if isType(e.Type) {
			kind = atom(e.Type)
		}
		want := wordsOf(map[string]any{"op": "0 as integer", "s": fmt.Sprint(seq, " as integer"), "t": kind, "d": value(t, e.Data)})
		if fields[0] != want {
			t.Fatalf("event %d is read as\n%s, want\n%s\nof %s", seq, fields[0], want, e.Data)
		}
		for _, again := range fields[1:] {
			checkAgain(t, again, uint64(seq), e)
		}
	}
}

// checkAgain checks what Erlang has written of an event.
func checkAgain(t *testing.T, text string, seq uint64, e *sessions.Event) {
	t.Helper()
	term, err := hexadecimal.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Decode(ETF, term)
	if err != nil || p.Op != 0 || *p.Seq != seq || p.Type != e.Type || !reflect.DeepEqual(value(t, p.D), value(t, e.Data)) {
		t.Fatalf("%+v %s, %v\nof %s %s", p, p.D, err, e.Type, e.Data)
	}
}

// atom is a string that is one in a term.
type atom string

// wordsOf says of what value makes of JSON what testdata/terms.escript says of a term.
func wordsOf(v any) string {
	switch v := v.(type) {
	case nil:
		return wordsOf(atom("nil"))
	case bool:
		return wordsOf(atom(fmt.Sprint(v)))
	case atom:
		return "a:" + hexadecimal.EncodeToString([]byte(v))
	case float64:
		return fmt.Sprintf("f:%016x", math.Float64bits(v))
	case string:
		if digits, ok := strings.CutSuffix(v, " as integer"); ok {
			return "i:" + digits
		}
		return "b:" + hexadecimal.EncodeToString([]byte(v))
	case []any:
		items := []string{}
		for _, item := range v {
			items = append(items, wordsOf(item))
		}
		return "[" + strings.Join(items, ",") + "]"
	default:
		pairs := []string{}
		for key, item := range v.(map[string]any) {
			name := wordsOf(key)
			if isName([]byte(key)) {
				name = wordsOf(atom(key))
			}
			pairs = append(pairs, name+"="+wordsOf(item))
		}
		slices.Sort(pairs)
		return "{" + strings.Join(pairs, ",") + "}"
	}
}
