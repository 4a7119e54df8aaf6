package snapshot

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/hashicorp/raft"
)

func sample() meta {
	return meta{Number: 9, State: 4, Snapshot: &record{
		ID: "3-120-9", Index: 120, Term: 3, ConfigurationIndex: 100, Floor: position{Index: 119, Term: 3},
		Servers: serversOf(raft.Configuration{Servers: []raft.Server{
			{Suffrage: raft.Voter, ID: "a", Address: "a"}, {Suffrage: raft.Nonvoter, ID: "b", Address: "b"},
		}}),
	}}
}

func mustEncode(t testing.TB, m meta) []byte {
	t.Helper()
	b, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMeta(t *testing.T) {
	for _, m := range []meta{{Number: 1, State: 1}, sample()} {
		b := mustEncode(t, m)
		if got, err := decodeMeta(b); err != nil || !reflect.DeepEqual(got, m) {
			t.Fatal(got, err)
		}
		for i := range b {
			c := slices.Clone(b)
			c[i] ^= 1 << (i % 8)
			if _, err := decodeMeta(c); err == nil || errors.Is(err, ErrFormat) {
				t.Fatalf("flipped at %d: %v", i, err)
			}
			if _, err := decodeMeta(b[:i]); err == nil {
				t.Fatalf("cut at %d", i)
			}
		}
	}
}

func TestMetaOfANewerVersion(t *testing.T) {
	b := string(mustEncode(t, sample()))
	b = strings.Replace(b[:strings.LastIndex(b, "xxh64")], "format 1\n", "format 2\n", 1)
	b += fmt.Sprintf(metaTail, xxhash.Sum64String(b))
	if _, err := decodeMeta([]byte(b)); !errors.Is(err, ErrFormat) {
		t.Fatal(err)
	}
}

func FuzzMeta(f *testing.F) {
	f.Add(mustEncode(f, sample()), false)
	f.Add([]byte(metaTop+"1\n{\"number\":1,\"state\":2}\n"), true)
	f.Fuzz(func(t *testing.T, b []byte, sum bool) {
		if sum {
			b = fmt.Appendf(b, metaTail, xxhash.Sum64(b))
		}
		m, err := decodeMeta(b)
		if err != nil {
			return
		}
		if again, err := decodeMeta(mustEncode(t, m)); err != nil || !reflect.DeepEqual(again, m) {
			t.Fatal(again, err)
		}
	})
}
