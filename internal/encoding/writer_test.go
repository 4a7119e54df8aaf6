package encoding

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/klauspost/compress/zstd"

	"github.com/eventnode/eventnode/sessions"
)

// random makes JSON text of all that there is.
func random(r *rand.Rand, depth int) any {
	switch n := r.IntN(12); {
	case n < 3 && depth > 0:
		object := map[string]any{}
		for range r.IntN(8) {
			object[[]string{"id", "name", "guild_id", "content", "Größe", "81384788765712384", "nil", "", "a b"}[r.IntN(9)]] = random(r, depth-1)
		}
		return object
	case n < 5 && depth > 0:
		list := []any{}
		for range r.IntN(8) {
			list = append(list, random(r, depth-1))
		}
		return list
	case n < 6:
		return r.Int64() >> r.IntN(64)
	case n < 7:
		return r.NormFloat64() * 1e9
	case n < 8:
		return []any{nil, true, false, 0, -1, 255, 256, 1 << 31, -1 << 31, uint64(1<<64 - 1)}[r.IntN(10)]
	case n < 9:
		return fmt.Sprint(r.Uint64())
	default:
		words := []string{"hello", "世界", "\x00", "\"quoted\"", "\\", "<b>", "aaaaaaaa", "  ", "\n", "0000"}
		var text strings.Builder
		for range r.IntN(40) {
			text.WriteString(words[r.IntN(len(words))])
		}
		return text.String()
	}
}

func randomEvent(t testing.TB, r *rand.Rand) *sessions.Event {
	data, err := json.Marshal(random(r, 4))
	if err != nil {
		t.Fatal(err)
	}
	return &sessions.Event{Type: []string{"MESSAGE_CREATE", "READY", "odd type \"1\""}[r.IntN(3)], Data: data}
}

// reader is the usual decoder of a compression, for one connection: it is given a message
// and has the payload, of so many bytes. It cannot read beyond what has arrived.
type reader func(message []byte, size int) ([]byte, error)

func newReader(t testing.TB, c Compression) reader {
	arrived := &bytes.Buffer{}
	var stream io.Reader
	return func(message []byte, size int) (_ []byte, err error) {
		arrived.Write(message)
		switch {
		case c == None:
			return bytes.Clone(arrived.Next(arrived.Len())), nil
		case c == ZlibPayload:
			if stream, err = zlib.NewReader(arrived); err != nil {
				return nil, err
			}
			all, err := io.ReadAll(stream) // checks the adler32
			if err == nil && arrived.Len() > 0 {
				err = fmt.Errorf("%d bytes behind the stream", arrived.Len())
			}
			return all, err
		case stream == nil && c == ZlibStream:
			stream, err = zlib.NewReader(arrived)
		case stream == nil:
			stream, err = newZstd(t, arrived)
		}
		if err == nil && c == ZlibStream && !bytes.HasSuffix(message, []byte(syncMark)) {
			err = errors.New("no sync mark at the end")
		}
		if err != nil {
			return nil, err
		}
		payload := make([]byte, size)
		_, err = io.ReadFull(stream, payload)
		return payload, err
	}
}

// newZstd hides that all of the input is there, which the decoder would decode as a whole.
func newZstd(t testing.TB, from io.Reader) (io.Reader, error) {
	d, err := zstd.NewReader(struct{ io.Reader }{from}, zstd.WithDecoderConcurrency(1))
	if err == nil {
		t.Cleanup(d.Close)
	}
	return d, err
}

var (
	formats      = []Format{JSON, ETF}
	compressions = []Compression{None, ZlibPayload, ZlibStream, ZstdStream}
)

// combinations runs a test for each format with each compression.
func combinations(t *testing.T, test func(*testing.T, Format, Compression)) {
	for _, f := range formats {
		for _, c := range compressions {
			t.Run(f.String()+"/"+c.String(), func(t *testing.T) { test(t, f, c) })
		}
	}
}

// value is what JSON text stands for, as encoding/json has it.
func value(t testing.TB, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	return normal(v)
}

// normal tells integers, of any size, from floats, and has ids under such keys as integers.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = normal(v[k])
			if isID([]byte(k)) {
				v[k] = digits(v[k])
			}
		}
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	case json.Number:
		if n, ok := new(big.Int).SetString(v.String(), 10); ok {
			return n.String() + " as integer"
		}
		x, _ := v.Float64()
		return x
	}
	return v
}

// digits has ids as integers, also in lists.
func digits(v any) any {
	switch v := v.(type) {
	case string:
		if _, ok := idOf([]byte(v)); ok {
			return v + " as integer"
		}
	case []any:
		for i := range v {
			v[i] = digits(v[i])
		}
	}
	return v
}

// Whatever the format and the compression, a usual decoder has from each message, when it
// has arrived, what was put in, with its number. Control payloads and those for one session
// are in the same stream.
func TestEveryCombination(t *testing.T) {
	combinations(t, func(t *testing.T, f Format, c Compression) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 0))
		plain, w, read := NewWriter(f, None), NewWriter(f, c), newReader(t, c)
		for seq := range uint64(1000) {
			e := randomEvent(t, r)
			write := func(w *Writer) ([]byte, error) { return w.Event(nil, seq, e) }
			op := 0
			switch r.IntN(10) {
			case 0:
				write = func(w *Writer) ([]byte, error) { return w.Dispatch(nil, seq, e.Type, e.Data) }
			case 1:
				op = 11
				write = func(w *Writer) ([]byte, error) { return w.Control(nil, op, e.Data) }
			}
			want, err := write(plain)
			if err != nil {
				t.Fatal(err)
			}
			message, err := write(w)
			if err != nil {
				t.Fatal(err)
			}
			payload, err := read(message, len(want))
			if err != nil || !bytes.Equal(payload, want) {
				t.Fatalf("event %d: %v\n%.200q\n%.200q", seq, err, payload, want)
			}
			checkPayload(t, f, payload, op, seq, e)
		}
	})
}

func checkPayload(t *testing.T, f Format, payload []byte, op int, seq uint64, e *sessions.Event) {
	t.Helper()
	p, err := Decode(f, payload)
	switch {
	case err != nil:
		t.Fatalf("%v: %q", err, payload)
	case p.Op != op || op == 0 && (*p.Seq != seq || p.Type != e.Type) || op != 0 && (p.Seq != nil || p.Type != ""):
		t.Fatalf("op %d, type %q: %q", p.Op, p.Type, payload)
	case !reflect.DeepEqual(value(t, p.D), value(t, e.Data)):
		t.Fatalf("%s\n%s", p.D, e.Data)
	}
	if f == JSON { // the model knows nothing of this package
		var model struct {
			Op int
			S  *uint64
			T  *string
			D  any
		}
		if err := json.Unmarshal(payload, &model); err != nil || model.Op != op || (model.S == nil) != (op != 0) {
			t.Fatalf("%v: %q", err, payload)
		}
	}
}

// Two connections get one event with their own numbers, and it is encoded once: the second
// has the bytes that the first one made.
func TestEncodedOnce(t *testing.T) {
	combinations(t, func(t *testing.T, f Format, c Compression) {
		e := chatEvent()
		first, second := NewWriter(f, c), NewWriter(f, c)
		for seq, w := range []*Writer{first, second} {
			if _, err := w.Event(nil, uint64(seq+1), e); err != nil {
				t.Fatal(err)
			}
		}
		a, errA := first.shared(e)
		b, errB := second.shared(e)
		if errA != nil || errB != nil || unsafe.SliceData(a) != unsafe.SliceData(b) {
			t.Error("made twice", errA, errB)
		}
		if f == JSON && c == None && unsafe.SliceData(a) != unsafe.SliceData(e.Data) {
			t.Error("the data was copied")
		}
		room := make([]byte, 0, 4096)
		if n := testing.AllocsPerRun(100, func() { _, _ = first.Event(room, 7, e) }); n > 0 {
			t.Errorf("%v allocations for an event that is there", n)
		}
	})
}

func chatEvent() *sessions.Event {
	return &sessions.Event{Type: "MESSAGE_CREATE", Data: json.RawMessage(`{"id":"1192837465564738291","channel_id":"1182736455463728190","guild_id":"1172635445362718089","author":{"id":"1162534435261707988","username":"somebody","avatar":null},"content":"Has anybody seen the release notes? I cannot find them.","timestamp":"2024-05-06T07:08:09.123000+00:00","tts":false,"type":0}`)}
}

// A connection costs next to nothing.
func TestWriterIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Writer{}); n > 64 {
		t.Errorf("%d bytes", n)
	}
}

// An event of 1 MiB, and one whose text takes all lengths of literals and matches.
func TestLargeEvent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for text.Len() < 1<<20 {
		word := make([]byte, r.IntN(1<<r.IntN(17))+1)
		for i := range word {
			word[i] = "abcdefgh"[r.IntN(8)]
		}
		for range 1 + r.IntN(3) {
			text.Write(word)
		}
		text.WriteString(strings.Repeat("a", r.IntN(1<<r.IntN(17))))
	}
	data, err := json.Marshal(text.String())
	if err != nil {
		t.Fatal(err)
	}
	combinations(t, func(t *testing.T, f Format, c Compression) {
		e := &sessions.Event{Type: "GUILD_CREATE", Data: data}
		w, read := NewWriter(f, c), newReader(t, c)
		for seq := range uint64(3) {
			want, err := NewWriter(f, None).Event(nil, seq, e)
			if err != nil {
				t.Fatal(err)
			}
			message, err := w.Event(nil, seq, e)
			if err != nil {
				t.Fatal(err)
			}
			if c != None && len(message) > len(want)/2 {
				t.Errorf("%d bytes of %d", len(message), len(want))
			}
			if payload, err := read(message, len(want)); err != nil || !bytes.Equal(payload, want) {
				t.Fatal(err, len(payload))
			}
		}
	})
}

// An event that cannot be sent appends nothing, and the stream goes on as if it had not
// been there, also if it would have been the first.
func TestFailureLeavesTheStream(t *testing.T) {
	bad := []string{`{"a":`, `{"a":1}x`, `nul`, strings.Repeat("[", 101) + strings.Repeat("]", 101), "\"\n\"", `"\x"`, `01`, `1.`, `{"a" 1}`, `{1:2}`, `[1,]`}
	combinations(t, func(t *testing.T, f Format, c Compression) {
		w, read := NewWriter(f, c), newReader(t, c)
		here := bad
		if f == ETF {
			here = append(here, `1e999`, strings.Repeat("9", 615), `{"a":1,"a":2}`)
		}
		for _, data := range here {
			dst, err := w.Event([]byte("x"), 1, &sessions.Event{Type: "X", Data: json.RawMessage(data)})
			if wrong, ok := errors.AsType[*DataError](err); !ok || wrong.Reason == "" || string(dst) != "x" {
				t.Errorf("%.30s: %v, %q", data, err, dst)
			}
		}
		if dst, err := w.Control([]byte("x"), 1, make(chan int)); err == nil || string(dst) != "x" {
			t.Errorf("%v, %q", err, dst)
		}
		want, _ := NewWriter(f, None).Event(nil, 1, chatEvent())
		message, err := w.Event(nil, 1, chatEvent())
		if err != nil {
			t.Fatal(err)
		}
		if payload, err := read(message, len(want)); err != nil || !bytes.Equal(payload, want) {
			t.Error(err)
		}
	})
}

// Bytes that are no UTF-8 become U+FFFD, as encoding/json has it: a text message with
// others would end the connection. No data is null.
func TestRepairs(t *testing.T) {
	for data, want := range map[string]string{"\"a\xffb\xc3\"": "\"a\ufffdb\ufffd\"", "": "null", `"\ud800"`: "\"\ufffd\""} {
		for _, f := range formats {
			message, err := NewWriter(f, None).Event(nil, 1, &sessions.Event{Type: "X\xff", Data: json.RawMessage(data)})
			if err != nil {
				t.Fatal(err)
			}
			p, err := Decode(f, message)
			if err != nil || p.Type != "X\ufffd" || !reflect.DeepEqual(value(t, p.D), value(t, []byte(want))) {
				t.Errorf("%v %q: %v %q %q", f, data, err, p.Type, p.D)
			}
			if f == JSON && !utf8.Valid(message) {
				t.Errorf("%q", message)
			}
		}
	}
}

// What a client may ask for is named as the protocol has it, and what is wrong with the rest
// is said. zlib-payload is not asked for by name.
func TestParse(t *testing.T) {
	for _, f := range formats {
		if got, err := ParseFormat(f.String()); err != nil || got != f {
			t.Error(got, err)
		}
	}
	for name, want := range map[string]Compression{"": None, "zlib-stream": ZlibStream, "zstd-stream": ZstdStream} {
		if got, err := ParseCompression(name); err != nil || got != want {
			t.Error(got, err)
		}
	}
	for _, name := range []string{"JSON", "", "zlib-stream"} {
		if _, err := ParseFormat(name); err == nil || !strings.Contains(err.Error(), "ask for json or etf") {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"zlib-payload", "none", "gzip"} {
		if _, err := ParseCompression(name); err == nil || !strings.Contains(err.Error(), "ask for zlib-stream") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if Format(7).String() != "format 7" || Compression(7).String() != "compression 7" || None.String() != "none" {
		t.Error("names")
	}
}

// Only JSON without compression goes in text messages.
func TestBinary(t *testing.T) {
	combinations(t, func(t *testing.T, f Format, c Compression) {
		if NewWriter(f, c).Binary() != (f != JSON || c != None) {
			t.Error("wrong")
		}
	})
}
