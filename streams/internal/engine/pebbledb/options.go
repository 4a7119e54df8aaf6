package pebbledb

import (
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// formatVersion is what new stores are written in, and the newest that is
// opened. It is pinned: a new release of Pebble must not change files by itself,
// or nodes could not go back. Raising it is an upgrade of its own.
const formatVersion = pebble.FormatTableFormatV6

// The settings are for values of 1 KiB to 1 MiB, written once, by many streams in
// turns, and deleted from the front. Measured with random values, 16 streams, two
// cores that were shared, so that rates vary by a third from run to run:
//
//   - A table that is flushed spans all streams but the largest (see series), so a
//     compaction out of level 0 rewrites the whole base level. Fewer and larger
//     flushes help most: with 32 MiB memtables each byte is written 2.3 to 3.7 times,
//     at 145 to 280 MB/s; with 8 MiB ones 3.3 to 4.8 times, at 170 to 195 MB/s.
//   - A larger base level harms (512 MiB at 8 MiB memtables: up to 7 times), and so
//     do small tables in level 0 (512 KiB: more waits, 100 to 160 MB/s).
//   - Values in files of their own (blob files) gained 17 to 43 % at 8 MiB memtables.
//     They are off: in this release of Pebble one that is missing or has a bad footer
//     ends the process where it should be an error, and none is checked at open.
//   - Writing batches of 1 MiB, the time goes into system calls (41 %) and copying
//     (23 %); checksums take 5 %, the chain 2 %.
//
// What is memory is a part of Config.MemoryBytes.
const (
	memtableShare  = 4
	waitingTables  = 3
	maxMemtable    = 32 << 20
	maxOpenFiles   = 512
	maxManifest    = 8 << 20
	maxSublevels   = 16
	rangeFlushWait = 30 * time.Second
)

func memtableBytes(memory int64) int64 { return min(memory/memtableShare, maxMemtable) }

// options are those of every open, also of a copy that is only looked at.
func options(c Config, fs vfs.FS) *pebble.Options {
	table := memtableBytes(c.MemoryBytes)
	o := &pebble.Options{
		FS:                 fs,
		FormatMajorVersion: formatVersion,
		DisableWAL:         true,
		CacheSize:          c.MemoryBytes,
		MemTableSize:       uint64(table),
		// Commit waits by itself, and can be woken. These two are the backstop:
		// what waits in Pebble is woken by nothing but the disk.
		MemTableStopWritesThreshold: 4 * waitingTables,
		L0StopWritesThreshold:       8 * maxSublevels,
		L0CompactionThreshold:       2,
		LBaseMaxBytes:               4 * table,
		MaxOpenFiles:                maxOpenFiles,
		MaxManifestFileSize:         maxManifest,
		// One compaction as a rule; a second when the first falls behind.
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
		// Space comes back when the range delete is flushed, also when nothing
		// else is written any more.
		FlushDelayDeleteRange: rangeFlushWait,
	}
	o.TargetFileSizes[0] = table / 2
	for i := range o.Levels {
		// Values are large and read one by one: small blocks would only add index.
		o.Levels[i].BlockSize = 32 << 10
		o.Levels[i].IndexBlockSize = 32 << 10
	}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.UniformDBCompressionSettings(worthwhile()) })
	return o
}

// worthwhile is the fastest compression, where it pays: of ten blocks one is tried,
// and the others are compressed if such ones became a fifth smaller. What does not
// compress took a third of the processor time of a node under load otherwise.
func worthwhile() *block.CompressionProfile {
	p := *block.FastestCompression
	p.Name = "Worthwhile"
	p.OtherBlocks = block.NoCompression.OtherBlocks // what an adaptive one falls back to
	p.AdaptiveReductionCutoffPercent = 20
	return &p
}
