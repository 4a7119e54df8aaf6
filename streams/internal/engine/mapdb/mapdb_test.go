package mapdb_test

import (
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/enginetest"
	"github.com/eventnode/eventnode/streams/internal/engine/mapdb"
)

func TestConformance(t *testing.T) {
	enginetest.Run(t, func(t testing.TB, dir string) engine.Store {
		s, err := mapdb.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestCrash(t *testing.T) {
	enginetest.RunCrash(t, func(t testing.TB, dir string) engine.Store {
		s, err := mapdb.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}, func(_ testing.TB, s engine.Store) engine.Store {
		return s.(*mapdb.Store).Crash()
	})
}
