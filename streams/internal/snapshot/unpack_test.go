package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// fill makes a directory with files of these sizes, of random bytes.
func fill(t testing.TB, fs vfs.FS, dir string, sizes ...int) map[string][]byte {
	t.Helper()
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	rng := rand.NewChaCha8([32]byte{byte(len(sizes))})
	for i, size := range sizes {
		name, b := fmt.Sprintf("f%d.sst", i), make([]byte, size)
		_, _ = rng.Read(b)
		files[name] = b
		if err := writeSynced(fs, fs.PathJoin(dir, name), slices.Clone(b)); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func pack(t testing.TB, fs vfs.FS, dir string) []byte {
	t.Helper()
	p, err := newPacker(fs, dir, engine.Applied{Index: 7, Term: 2})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(p)
	if err := errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
	if p.head.length != uint64(len(b)) {
		t.Fatalf("%d bytes were announced, %d came", p.head.length, len(b))
	}
	return b
}

func unpack(fs vfs.FS, stream []byte, cut func(left int) int) error {
	if err := fs.MkdirAll("in", 0o755); err != nil {
		return err
	}
	u := newUnpacker(fs, "in", func(head) error { return nil })
	for len(stream) > 0 {
		n := cut(len(stream))
		if _, err := u.Write(stream[:n]); err != nil {
			_ = u.Close()
			return err
		}
		stream = stream[n:]
	}
	return u.Finish()
}

func whole(left int) int { return left }

func TestStreamIsWhatWasPacked(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	fs := vfs.NewMem()
	want := fill(t, fs, "out", 0, 1, 100, frameSize-1, frameSize, frameSize+1, 3*frameSize)
	stream := pack(t, fs, "out")
	for _, most := range []int{len(stream), 100_000, 1000} {
		to := vfs.NewMem()
		if err := unpack(to, stream, func(left int) int { return 1 + rng.IntN(min(left, most)) }); err != nil {
			t.Fatal(err)
		}
		names, _ := to.List("in")
		if len(names) != len(want) {
			t.Fatal(names)
		}
		for name, b := range want {
			if got, err := readBounded(to, "in/"+name, 1<<20); err != nil || !bytes.Equal(got, b) {
				t.Fatal(name, err)
			}
		}
	}
}

// A byte that is changed anywhere is found, and so is an end that comes too early
// or too late.
func TestChangedStream(t *testing.T) {
	fs := vfs.NewMem()
	fill(t, fs, "out", 0, 90, 200)
	stream := pack(t, fs, "out")
	check := func(what string, i int, b []byte) {
		if err := unpack(vfs.NewMem(), b, whole); !errors.Is(err, ErrStream) && !errors.Is(err, ErrFormat) {
			t.Fatalf("%s at %d of %d: %v", what, i, len(stream), err)
		}
	}
	for i := range stream {
		b := slices.Clone(stream)
		b[i] ^= 1 << (i % 8)
		check("flipped", i, b)
		check("cut", i, stream[:i])
	}
	check("longer", 0, append(slices.Clone(stream), 0))
	check("twice", 0, slices.Concat(stream, stream))

	large := vfs.NewMem()
	fill(t, large, "out", 2*frameSize, frameSize)
	stream = pack(t, large, "out")
	frame := frameSize + sumSize
	first := headSize + fileFixed + len("f0.sst") + sumSize
	swapped := slices.Concat(stream[:first], stream[first+frame:first+2*frame], stream[first:first+frame], stream[first+2*frame:])
	check("frames swapped", first, swapped)
	for i := 1; i < len(stream); i += len(stream) / 20 {
		b := slices.Clone(stream)
		b[i] ^= 0x10
		check("flipped", i, b)
	}
}

// forge gives the unpacker parts whose sums are right.
func forge(u *unpacker, content []byte) error {
	for len(content) > 0 {
		part := make([]byte, u.need-len(u.buf))
		n := copy(part, content)
		content = content[n:]
		if u.need != fileFixed {
			sum, all := *u.sum, slices.Concat(u.buf, part)
			_, _ = sum.Write(all[:len(all)-sumSize])
			binary.BigEndian.PutUint64(part[len(part)-sumSize:], sum.Sum64())
		}
		if _, err := u.Write(part); err != nil {
			return err
		}
	}
	return u.Finish()
}

func forged(files int, length uint64) []byte {
	return append(head{files: uint32(files), length: length}.append(nil), make([]byte, sumSize)...)
}

func forgedFile(name string, size uint64) []byte {
	return append(appendFile(nil, name, size), make([]byte, sumSize)...)
}

func TestForgedStream(t *testing.T) {
	for name, content := range map[string][]byte{
		"no files":        forged(0, 100),
		"too many files":  forged(maxFiles+1, 100),
		"parent":          append(forged(1, 1000), forgedFile("../x", 1)...),
		"dot dot":         append(forged(1, 1000), forgedFile("..", 1)...),
		"dot":             append(forged(1, 1000), forgedFile(".hidden", 1)...),
		"absolute":        append(forged(1, 1000), forgedFile("/etc/x", 1)...),
		"below":           append(forged(1, 1000), forgedFile("a/b", 1)...),
		"backslash":       append(forged(1, 1000), forgedFile(`a\b`, 1)...),
		"zero byte":       append(forged(1, 1000), forgedFile("a\x00b", 1)...),
		"no name":         append(forged(1, 1000), forgedFile("", 1)...),
		"size beyond end": append(forged(1, 1000), forgedFile("a", 1<<60)...),
		"twice":           slices.Concat(forged(2, 1000), forgedFile("a", 0), forgedFile("a", 0)),
		"descending":      slices.Concat(forged(2, 1000), forgedFile("b", 0), forgedFile("a", 0)),
		"other length":    slices.Concat(forged(1, 1000), forgedFile("a", 0), []byte(endMagic), make([]byte, sumSize)),
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			_ = fs.MkdirAll("in", 0o755)
			err := forge(newUnpacker(fs, "in", func(head) error { return nil }), content)
			if !errors.Is(err, ErrStream) {
				t.Fatal(err)
			}
			if names, _ := fs.List(""); len(names) != 1 {
				t.Fatal(names)
			}
		})
	}
	newer := forged(1, 1000)
	newer[11]++
	if err := forge(newUnpacker(vfs.NewMem(), "in", nil), newer); !errors.Is(err, ErrFormat) {
		t.Fatal(err)
	}
}

// FuzzUnpack: whatever comes, also with right sums, nothing is made outside the
// directory, and memory is bounded.
func FuzzUnpack(f *testing.F) {
	fs := vfs.NewMem()
	fill(f, fs, "out", 3, 40)
	stream := pack(f, fs, "out")
	f.Add(stream, false)
	f.Add(stream, true)
	f.Add(append(forged(1, 1000), forgedFile("../x", 1)...), true)
	f.Add(append(forged(1, 1<<40), forgedFile("x", 1<<39)...), true)
	f.Fuzz(func(t *testing.T, b []byte, right bool) {
		fs := vfs.NewMem()
		_ = fs.MkdirAll("in", 0o755)
		u := newUnpacker(fs, "in", func(head) error { return nil })
		var err error
		if right {
			err = forge(u, b)
		} else if _, err = u.Write(b); err == nil {
			err = u.Finish()
		}
		_ = u.Close()
		if cap(u.buf) > 1<<20 {
			t.Fatalf("%d bytes of memory", cap(u.buf))
		}
		if names, _ := fs.List(""); len(names) != 1 {
			t.Fatal(names)
		}
		names, _ := fs.List("in")
		for _, name := range names {
			if checkName(name) != nil {
				t.Fatalf("%q", name)
			}
		}
		if err == nil && !right && !bytes.Equal(pack2(t, fs, u.head.applied), b) {
			t.Fatal("it is taken, and is not what was sent")
		}
	})
}

func pack2(t testing.TB, fs vfs.FS, applied engine.Applied) []byte {
	p, err := newPacker(fs, "in", applied)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	b, err := io.ReadAll(p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCheckpointThatChanges(t *testing.T) {
	fs := vfs.NewMem()
	fill(t, fs, "out", 100)
	p, err := newPacker(fs, "out", engine.Applied{})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, fs, "out", 50)
	if _, err := io.ReadAll(p); !errors.Is(err, errShort) {
		t.Fatal(err)
	}
	_ = p.Close()
	_ = fs.MkdirAll("out/below", 0o755)
	if _, err := newPacker(fs, "out", engine.Applied{}); err == nil {
		t.Fatal("a directory is sent as a file")
	}
}

func BenchmarkPackUnpack(b *testing.B) {
	fs := vfs.NewMem()
	fill(b, fs, "out", 8<<20)
	_ = fs.MkdirAll("in", 0o755)
	b.SetBytes(8 << 20)
	b.ReportAllocs()
	buf := make([]byte, 32<<10) // as io.Copy does
	for b.Loop() {
		p, err := newPacker(fs, "out", engine.Applied{})
		if err != nil {
			b.Fatal(err)
		}
		u := newUnpacker(fs, "in", func(head) error { return nil })
		if _, err := io.CopyBuffer(u, p, buf); err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(u.Finish(), p.Close()); err != nil {
			b.Fatal(err)
		}
	}
}
