package encoding

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/eventnode/eventnode/sessions"
)

const readLimit = 1 << 20

// What a Writer wrote a Reader reads, message by message, in every combination: small
// payloads, ones of several blocks, and ones that no longer fit a window.
func TestReaderReadsWriter(t *testing.T) {
	combinations(t, func(t *testing.T, f Format, c Compression) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 0))
		w, read := NewWriter(f, c), NewReader(f, c, readLimit)
		for seq := range uint64(500) {
			e := randomEvent(t, r)
			if seq%50 == 7 {
				e = &sessions.Event{Type: "LARGE", Data: json.RawMessage(`"` + strings.Repeat(fmt.Sprint("x", r.Uint64()), 12_000) + `"`)}
			}
			message, err := w.Event(nil, seq, e)
			if err != nil {
				t.Fatal(err)
			}
			got, whole, err := read.Read(message)
			if err != nil || !whole || *got.Seq != seq || got.Type != e.Type {
				t.Fatalf("%d: %v %v %+v", seq, err, whole, got)
			}
			if !reflect.DeepEqual(value(t, got.D), value(t, e.Data)) {
				t.Fatalf("%d: %q\n%q", seq, got.D, e.Data)
			}
		}
	})
}

// otherStream writes messages as usual compressors do, with their history.
func otherStream(t testing.TB, c Compression) func(payload string) []byte {
	var out bytes.Buffer
	take := func() []byte { defer out.Reset(); return bytes.Clone(out.Bytes()) }
	if c == ZstdStream {
		z, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<17))
		if err != nil {
			t.Fatal(err)
		}
		return func(p string) []byte {
			if _, err := z.Write([]byte(p)); err != nil || z.Flush() != nil {
				t.Fatal(err)
			}
			return take()
		}
	}
	z := zlib.NewWriter(&out)
	return func(p string) []byte {
		if _, err := z.Write([]byte(p)); err != nil || z.Flush() != nil {
			t.Fatal(err)
		}
		return take()
	}
}

// A stream whose messages refer to those before them, to the end of the window, is read; of
// a zlib-stream also if a payload comes in several messages.
func TestReaderKeepsHistory(t *testing.T) {
	for _, c := range []Compression{ZlibStream, ZstdStream} {
		t.Run(c.String(), func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 0))
			write, read := otherStream(t, c), NewReader(JSON, c, readLimit)
			var words []string
			for range 300 {
				words = append(words, fmt.Sprint(r.Uint64()))
			}
			for n := range 400 {
				var text strings.Builder
				for range r.IntN(1 + n*5) {
					text.WriteString(words[r.IntN(len(words))])
				}
				message := write(fmt.Sprintf(`{"op":%d,"d":"%s"}`, n, text.String()))
				for c == ZlibStream && len(message) > 10 && r.IntN(4) == 0 {
					cut := 1 + r.IntN(len(message)-5)
					if _, whole, err := read.Read(message[:cut]); whole || err != nil {
						t.Fatalf("%d: %v %v", n, whole, err)
					}
					message = message[cut:]
				}
				p, whole, err := read.Read(message)
				if err != nil || !whole || p.Op != n || string(p.D) != `"`+text.String()+`"` {
					t.Fatalf("%d: %v %v %+v", n, err, whole, p)
				}
			}
		})
	}
}

// Frames that end, and empty blocks, are part of a zstd-stream, too.
func TestReaderZstdFrames(t *testing.T) {
	read := NewReader(JSON, ZstdStream, readLimit)
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	empty := appendRawBlock(nil, nil)
	begin := appendRawBlock([]byte(zstdHeader), []byte(`{"op":3}`))
	for n, message := range [][]byte{
		z.EncodeAll([]byte(`{"op":0}`), nil),
		append(z.EncodeAll([]byte(`{"op":`), nil), z.EncodeAll([]byte(`1}`), nil)...),
		z.EncodeAll([]byte(`{"op":2}`), nil),
		append(begin, empty...),
		append(append(empty, appendRawBlock(nil, []byte(`{"op":4}`))...), empty...),
	} {
		p, whole, err := read.Read(message)
		if err != nil || !whole || p.Op != n {
			t.Fatalf("%d: %v %v %+v", n, err, whole, p)
		}
	}
}

// A few bytes that would become many are refused before they have; a stream is broken then,
// and a message by itself is not missed by the next.
func TestReaderBounds(t *testing.T) {
	bomb := `{"op":0,"d":"` + strings.Repeat("a", 16<<20) + `"}`
	for _, c := range []Compression{ZlibStream, ZstdStream, ZlibPayload} {
		t.Run(c.String(), func(t *testing.T) {
			var message []byte
			if c == ZlibPayload {
				var out bytes.Buffer
				z := zlib.NewWriter(&out)
				_, _ = z.Write([]byte(bomb))
				_ = z.Close()
				message = out.Bytes()
			} else {
				message = otherStream(t, c)(bomb)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			read := NewReader(JSON, c, readLimit)
			_, _, err := read.Read(message)
			runtime.ReadMemStats(&after)
			used := after.TotalAlloc - before.TotalAlloc
			if used > 8*readLimit {
				t.Errorf("%d bytes were allocated", used)
			}
			_, broken := errors.AsType[*StreamError](err)
			if broken != (c != ZlibPayload) || !strings.Contains(err.Error(), "1048576 bytes") {
				t.Fatal(err)
			}
			if p, _, err := read.Read([]byte(`{"op":7}`)); c == ZlibPayload && (err != nil || p.Op != 7) {
				t.Fatal(err)
			}
		})
	}
	for _, c := range compressions {
		if _, _, err := NewReader(JSON, c, 100).Read([]byte(`{"op":1,"d":"` + strings.Repeat("a", 100) + `"}`)); err == nil || !strings.Contains(err.Error(), "more than 100 bytes") {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// A stream that is cut or changed is said to be broken, or its payload does not decode: it
// is never read as if nothing had happened.
func TestReaderTruncated(t *testing.T) {
	payload := `{"op":0,"s":1,"t":"X","d":"` + strings.Repeat("The quick brown fox. ", 20) + `"}`
	for _, c := range []Compression{ZlibStream, ZstdStream} {
		message := otherStream(t, c)(payload)
		for n := range len(message) - len(syncMark) {
			cut := bytes.Clone(message[:n])
			if c == ZlibStream {
				cut = append(cut, syncMark...)
			}
			if p, whole, err := NewReader(JSON, c, readLimit).Read(cut); err == nil && whole {
				t.Fatalf("%v: %d bytes of %d are enough: %+v", c, n, len(message), p)
			}
		}
	}
}

// No messages crash a Reader, and what it reads is bounded and valid.
func FuzzReader(f *testing.F) {
	for i, c := range compressions {
		w := NewWriter(JSON, c)
		one, _ := w.Event(nil, 1, chatEvent())
		two, _ := w.Event(nil, 2, chatEvent())
		f.Add(uint8(i), one, two)
		if c == ZlibStream || c == ZstdStream {
			other := otherStream(f, c)
			f.Add(uint8(i), other(`{"op":1}`), other(`{"op":1,"d":[1,1,1]}`))
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, one, two []byte) {
		const limit = 1 << 16
		r := NewReader(formats[n/4%2], compressions[n%4], limit)
		for _, message := range [][]byte{one, two, one} {
			p, whole, err := r.Read(message)
			_, broken := errors.AsType[*StreamError](err)
			_, wrong := errors.AsType[*DecodeError](err)
			switch {
			case broken:
				return
			case err != nil && !wrong:
				t.Fatal(err)
			case whole && (!json.Valid(p.D) || len(p.D) > 8*limit):
				t.Fatalf("%.300q", p.D)
			}
		}
	})
}
