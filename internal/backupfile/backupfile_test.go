package backupfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/eventnode/eventnode"
)

// aFile is a file with so much in it, written in pieces of any size.
func aFile(t testing.TB, content []byte, rng *rand.Rand) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, eventnode.BackupInfo{Cluster: "prod", Index: 7, Time: time.Unix(1, 0).UTC()})
	if err != nil {
		t.Fatal(err)
	}
	for rest := content; len(rest) > 0; {
		n := min(1+rng.IntN(400_000), len(rest))
		if _, err := w.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(file []byte) (info eventnode.BackupInfo, content []byte, size uint64, err error) {
	r, err := NewReader(iotest.HalfReader(bytes.NewReader(file)))
	if err != nil {
		return info, nil, 0, err
	}
	content, err = io.ReadAll(r)
	return r.Info(), content, r.Size(), err
}

func random(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func someBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// What was written is read, of any size.
func TestWriteAndRead(t *testing.T) {
	rng := random(t)
	for _, n := range []int{0, 1, frameSize - 1, frameSize, frameSize + 1, 3*frameSize + 17} {
		content := someBytes(rng, n)
		file := aFile(t, content, rng)
		info, got, size, err := read(file)
		if err != nil || !bytes.Equal(got, content) || info.Cluster != "prod" || info.Index != 7 || size != uint64(len(file)) {
			t.Errorf("%d bytes: %+v, %d read of a file of %d, counted %d: %v", n, info, len(got), len(file), size, err)
		}
	}
}

// A file that is cut anywhere, has a bit flipped anywhere, has more at its end, or
// lost, doubled or exchanged a part, is refused, and nothing that is wrong is handed
// out.
func TestDamage(t *testing.T) {
	rng := random(t)
	content := someBytes(rng, 2*frameSize+100)
	file := aFile(t, content, rng)
	part := lenSize + frameSize + sumSize
	first := len(file) - endSize - (lenSize + 100 + sumSize) - 2*part
	refused := func(what string, bad []byte) {
		t.Helper()
		_, got, _, err := read(bad)
		if _, ok := errors.AsType[*DamagedError](err); !ok && !errors.Is(err, ErrFormat) || !bytes.HasPrefix(content, got) {
			t.Errorf("%s: %d bytes, %v", what, len(got), err)
		}
	}
	for _, at := range append([]int{0, 1, headFixed, first, first + part, len(file) - 1}, rng.Perm(len(file))[:50]...) {
		refused("cut", file[:at])
		bad := bytes.Clone(file)
		bad[at] ^= 1 << rng.IntN(8)
		refused("flipped", bad)
	}
	refused("more", append(bytes.Clone(file), 0))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	a, b := file[first:first+part], file[first+part:first+2*part]
	refused("lost", join(file[:first], b, file[first+2*part:]))
	refused("doubled", join(file[:first], a, a, b, file[first+2*part:]))
	refused("exchanged", join(file[:first], b, a, file[first+2*part:]))
}

// A newer version is refused in words, and not as damage.
func TestNewer(t *testing.T) {
	file := aFile(t, []byte("x"), random(t))
	binary.BigEndian.PutUint32(file[8:], version+1)
	if _, _, _, err := read(file); !errors.Is(err, ErrFormat) || errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

// An error of what is written to, or read from, stays.
func TestErrorsStay(t *testing.T) {
	w, err := NewWriter(io.Discard, eventnode.BackupInfo{})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	w.w = writerFunc(func([]byte) (int, error) { return 0, broken })
	if _, err := w.Write(make([]byte, frameSize)); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := w.Close(); !errors.Is(err, broken) {
		t.Error(err)
	}
	file := aFile(t, make([]byte, 10), random(t))
	r, err := NewReader(io.MultiReader(bytes.NewReader(file[:len(file)-endSize]), iotest.ErrReader(broken)))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := io.ReadAll(r); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Whatever a file holds, reading it ends, takes bounded memory, and what it hands
// out is written again as the same bytes.
func FuzzReader(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 10, 1000} {
		f.Add(aFile(f, someBytes(rng, n), rng))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, b := range [][]byte{file, summed(file)} {
			info, content, size, err := read(b)
			if err != nil {
				continue
			}
			if size != uint64(len(b)) || len(content) > len(b) {
				t.Fatalf("%d bytes of content in %d of %d", len(content), size, len(b))
			}
			var again bytes.Buffer
			w, err := NewWriter(&again, info)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write(content)
			_ = w.Close()
			if _, got, _, err := read(again.Bytes()); err != nil || !bytes.Equal(got, content) {
				t.Fatalf("written again: %v", err)
			}
		}
	})
}

// summed puts right sums where the file has some, so that the fuzzer gets past them.
func summed(file []byte) []byte {
	b := bytes.Clone(file)
	sum := xxhash.New()
	for at, head := 0, true; ; head = false {
		n := lenSize
		if head {
			n = headFixed
		}
		if len(b) < at+n {
			return b
		}
		size := uint64(binary.BigEndian.Uint32(b[at+n-lenSize:]))
		if !head && size == 0 {
			size = endSize - lenSize - sumSize
		}
		end := uint64(at+n) + size
		if end+sumSize > uint64(len(b)) {
			return b
		}
		_, _ = sum.Write(b[at:end])
		binary.BigEndian.PutUint64(b[end:], sum.Sum64())
		at = int(end) + sumSize
	}
}
