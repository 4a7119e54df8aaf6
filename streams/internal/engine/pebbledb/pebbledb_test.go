package pebbledb_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/enginetest"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	enginetest.Run(t, func(t testing.TB, dir string) engine.Store {
		s, err := pebbledb.Open(pebbledb.Config{Dir: dir, MemoryBytes: 4 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
