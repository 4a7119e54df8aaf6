package membership

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestNextEpoch(t *testing.T) {
	now := time.Unix(0, 1000)
	for _, tc := range []struct{ persisted, heard, want uint64 }{
		{0, 0, 1000}, {998, 0, 1000}, {999, 0, 1000}, {1000, 0, 1001}, {5000, 0, 5001}, {5000, 7000, 7001}, {0, 1000, 1001},
	} {
		if got := nextEpoch(tc.persisted, tc.heard, now); got != tc.want {
			t.Errorf("%+v: got %d", tc, got)
		}
	}
	if nextEpoch(0, 0, time.Unix(-5, 0)) == 0 {
		t.Error("epoch 0 for a clock before 1970")
	}
}

func TestEpochFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "dir")
	if got, err := loadEpoch(dir); got != 0 || err != nil {
		t.Fatal(got, err)
	}
	for _, epoch := range []uint64{7, 1 << 62} {
		if err := saveEpoch(dir, epoch); err != nil {
			t.Fatal(err)
		}
		if got, err := loadEpoch(dir); got != epoch || err != nil {
			t.Fatal(got, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Fatalf("left behind: %v", entries)
	}
	for _, bad := range []string{"", "x", "-1", "99999999999999999999999", "7\n8\n"} {
		if err := os.WriteFile(filepath.Join(dir, epochFile), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadEpoch(dir); err == nil {
			t.Errorf("%q was taken for an epoch", bad)
		}
	}
	if got, err := loadEpoch(""); got != 0 || err != nil || saveEpoch("", 1) != nil {
		t.Fatal("without a directory")
	}
	if err := saveEpoch("/dev/null/x", 1); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// The epoch grows with each start, also if the clock stands still or goes back.
func TestEpochGrowsWithEachStart(t *testing.T) {
	dir := t.TempDir()
	if err := saveEpoch(dir, 1<<62); err != nil { // from a clock far ahead
		t.Fatal(err)
	}
	last := uint64(1 << 62)
	for range 3 {
		m, err := New(Config{ID: "n1", RPCAddress: "127.0.0.1:7401", DataDir: dir, BindAddress: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		run(t, m)()
		if got := m.Self().Ref.Epoch; got <= last {
			t.Fatalf("%d after %d", got, last)
		}
		last = m.Self().Ref.Epoch
	}
}
