package raftlog

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
)

// benchStore stores one entry after the other, and drops what is old.
func benchStore(b *testing.B, s raft.LogStore, size int) {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	index := uint64(0)
	for b.Loop() {
		index++
		if err := s.StoreLog(&raft.Log{Index: index, Term: 1, Data: data}); err != nil {
			b.Fatal(err)
		}
		if keep := uint64(256<<20) / uint64(size); index%keep == 0 && index > keep {
			if err := s.DeleteRange(0, index-keep); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkStoreLogs(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("raftlog/%dKiB", size>>10), func(b *testing.B) {
			l, err := Open(Config{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			benchStore(b, l, size)
		})
		b.Run(fmt.Sprintf("raft-wal/%dKiB", size>>10), func(b *testing.B) {
			db := &metadb.BoltMetaDB{}
			w, err := wal.Open(b.TempDir(), wal.WithMetaStore(db), wal.WithLogger(hclog.NewNullLogger()))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _, _ = w.Close(), db.Close() }()
			benchStore(b, w, size)
		})
	}
}

func BenchmarkChecksum(b *testing.B) {
	for _, size := range []int{128, 16 << 10, 256 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			l := &raft.Log{Index: 1, Term: 1, Data: make([]byte, size)}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				checksum(l)
			}
		})
	}
}

// BenchmarkOpen opens a log of 256 MiB that the kernel has in memory.
func BenchmarkOpen(b *testing.B) {
	for _, size := range []int{16 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			cfg := Config{Dir: b.TempDir()}
			l, err := Open(cfg)
			if err != nil {
				b.Fatal(err)
			}
			n := 256 << 20 / size
			var batch []*raft.Log
			for i := range n {
				data := make([]byte, size)
				data[i%size] = byte(i)
				batch = append(batch, &raft.Log{Index: uint64(i + 1), Data: data})
				if len(batch) == 16 {
					if err := l.StoreLogs(batch); err != nil {
						b.Fatal(err)
					}
					batch = nil
				}
			}
			b.SetBytes(256 << 20)
			b.ReportAllocs()
			for b.Loop() {
				if err := l.Close(); err != nil {
					b.Fatal(err)
				}
				if l, err = Open(cfg); err != nil {
					b.Fatal(err)
				}
			}
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func BenchmarkGetLog(b *testing.B) {
	for name, cache := range map[string]int{"cache": 0, "disk": -1} {
		b.Run(name, func(b *testing.B) {
			l, err := Open(Config{Dir: b.TempDir(), CacheBytes: cache})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			for i := range uint64(16) {
				if err := l.StoreLog(&raft.Log{Index: i + 1, Data: make([]byte, 256<<10)}); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(256 << 10)
			b.ReportAllocs()
			var got raft.Log
			for i := 0; b.Loop(); i++ {
				if err := l.GetLog(uint64(i%16)+1, &got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
