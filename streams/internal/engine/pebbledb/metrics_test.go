package pebbledb_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/streams/internal/engine/enginetest"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
)

// TestMetrics: a store offers its metrics while it is open, and takes them back,
// so that the next one on the same registry can offer its own.
func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	for range 2 {
		s := mustOpen(t, pebbledb.Config{Dir: t.TempDir(), Registerer: reg})
		if err := (enginetest.Script{}).Commit(s, 1, 100); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		families, err := reg.Gather()
		if err != nil || len(families) != 14 {
			t.Fatalf("%d metrics, error %v", len(families), err)
		}
		for _, f := range families {
			m := f.GetMetric()[0]
			if f.GetName() == "eventnode_store_flushed_bytes_total" && m.GetCounter().GetValue() <= 0 {
				t.Errorf("%s is %v", f.GetName(), m)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if families, err := reg.Gather(); err != nil || len(families) != 0 {
			t.Fatalf("%d metrics after close, error %v", len(families), err)
		}
	}
}
