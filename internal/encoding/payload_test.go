package encoding

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// etf makes a term of its parts.
func etf(parts ...any) []byte {
	term := []byte{etfVersion}
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			term = append(term, byte(p))
		case string:
			term = append(term, p...)
		}
	}
	return term
}

// What clients send is read, whichever of the tags of its language it is made of.
func TestDecode(t *testing.T) {
	op := "\x64\x00\x02op\x61"
	seq := uint64(7)
	for _, c := range []struct {
		format Format
		data   []byte
		want   Payload
	}{
		{JSON, []byte(`{"op":1,"d":251}`), Payload{Op: 1, D: json.RawMessage(`251`)}},
		{JSON, []byte(` { "d" : {"a":[1, {}]} , "op" : 2 , "more":[] } `), Payload{Op: 2, D: json.RawMessage(`{"a":[1, {}]}`)}},
		{JSON, []byte(`{"op":0,"s":7,"t":"A\u0042","d":null}`), Payload{Seq: &seq, Type: "AB", D: json.RawMessage(`null`)}},
		{JSON, []byte(`{"\u006fp":11,"s":null,"t":null}`), Payload{Op: 11, D: json.RawMessage(`null`)}},
		{JSON, []byte("{\"op\":3,\"d\":\"\xff\"}"), Payload{Op: 3, D: json.RawMessage("\"\ufffd\"")}},
		// What Elixir makes of %{"op" => 2, "d" => %{"shard" => [0, 2], "seq" => nil}}.
		{ETF, etf("\x74\x00\x00\x00\x02", "\x6d\x00\x00\x00\x01d", "\x74\x00\x00\x00\x02",
			"\x6d\x00\x00\x00\x05shard", "\x6b\x00\x02\x00\x02", "\x6d\x00\x00\x00\x03seq", "\x77\x03nil",
			"\x6d\x00\x00\x00\x02op", "\x61\x02"), Payload{Op: 2, D: json.RawMessage(`{"shard":[0,2],"seq":null}`)}},
		{ETF, etf("\x74\x00\x00\x00\x01", op, 1), Payload{Op: 1, D: json.RawMessage(`null`)}},
		{ETF, etf("\x74\x00\x00\x00\x02", op, 8, "\x73\x01d",
			"\x6c\x00\x00\x00\x0d",
			"\x62\xff\xff\xff\xff", "\x6e\x08\x00\x00\x00\x00\x00\x00\x00\x00\x80", "\x6e\x01\x01\x05", "\x6f\x00\x00\x00\x01\x00\x05",
			"\x46\x3f\xf8\x00\x00\x00\x00\x00\x00", "\x63", "1.50000000000000000000e+00\x00\x00\x00\x00\x00",
			"\x76\x00\x04true", "\x73\x05false", "\x64\x00\x02\xe9t", "\x77\x03\xc3\xa9t",
			"\x68\x02\x61\x01\x6a", "\x69\x00\x00\x00\x01\x61\x02", "\x74\x00\x00\x00\x01\x61\x05\x6d\x00\x00\x00\x02\"\x01",
			"\x6a"),
			Payload{Op: 8, D: json.RawMessage(`[-1,9223372036854775808,-5,5,1.5,1.5,true,false,"ét","ét",[1,[]],[2],{"5":"\"\u0001"}]`)}},
	} {
		got, err := Decode(c.format, c.data)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v %q: %v\n%+v %s\n%+v %s", c.format, c.data, err, got, got.D, c.want, c.want.D)
		}
	}
}

// What is no payload is refused, with what is wrong and where.
func TestDecodeRefuses(t *testing.T) {
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	m := "\x74\x00\x00\x00\x01"
	op1 := "\x74\x00\x00\x00\x02\x64\x00\x02op\x61\x01\x64\x00\x01d"
	for _, c := range []struct {
		format Format
		data   []byte
		reason string
		offset int
	}{
		{JSON, nil, "is missing", 0},
		{JSON, []byte(`{"op":1,"d":`), "a value is missing", 12},
		{JSON, []byte(`{"op":1`), "is missing", 7},
		{JSON, []byte(`{"op":"1"}`), "op must be an integer", 9},
		{JSON, []byte(`{"op":1.5}`), "op must be an integer", 9},
		{JSON, []byte(`{"op":-1}`), "op must be an integer", 8},
		{JSON, []byte(`{"op":99999}`), "op must be an integer", 11},
		{JSON, []byte(`{"d":1}`), "op is missing", 7},
		{JSON, []byte(`{"op":1,"\u006fp":2}`), `the key "op" is there twice`, 18},
		{JSON, []byte(`{"op":1,"x":0,"x":0}`), `the key "x" is there twice`, 18},
		{JSON, []byte(`{"op":1,"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,"h":0}`), `the key "h" is there twice`, 66},
		{JSON, []byte(`{"op":1}{`), "something stands behind", 8},
		{JSON, []byte(`[1]`), "is missing", 0},
		{JSON, []byte(`{"op":1,"s":"1"}`), "s must be", 15},
		{JSON, []byte(`{"op":1,"t":1}`), "t must be", 13},
		{JSON, []byte(`{"op":1,"d":` + deep + `}`), "nested deeper than 100", 112},
		{JSON, []byte("{\"op\":1,\"d\":\"\n\"}"), "control character", 13},
		{JSON, make([]byte, MaxPayload+1), "may have 1048576", MaxPayload},
		{ETF, make([]byte, MaxPayload+1), "may have 1048576", MaxPayload},
		{ETF, nil, "first byte must be 131", 0},
		{ETF, []byte{130, 97, 1}, "first byte must be 131", 1},
		{ETF, etf(), "ends within a term", 1},
		{ETF, etf("\x74\x00\x00\x00"), "ends within a term", 2},
		{ETF, etf("\x50\x00\x00\x10\x00", "x"), "compressed terms are not taken", 2},
		{ETF, etf(op1, "\x67"), "tag 103 are not taken", 18},
		{ETF, etf(op1, "\x6c\xff\xff\xff\xff\x6a"), "4294967295 bytes or terms", 22},
		{ETF, etf(op1, "\x69\xff\xff\xff\xff"), "4294967295 bytes or terms", 22},
		{ETF, etf(op1, "\x74\xff\xff\xff\xff"), "4294967295 bytes or terms", 22},
		{ETF, etf(op1, "\x6d\x7f\xff\xff\xff"), "2147483647 bytes or terms", 22},
		{ETF, etf(op1, "\x6c\x00\x00\x00\x01\x6a\x61\x01"), "does not end with the empty list", 24},
		{ETF, etf(op1, "\x6f\x00\x00\x01\x00\x00", strings.Repeat("\x01", 256)), "256 bytes, and may have 255", 22},
		{ETF, etf(op1, "\x6e\x01\x02\x01"), "sign is 2", 21},
		{ETF, etf(op1, "\x46\x7f\xf0\x00\x00\x00\x00\x00\x00"), "not finite", 26},
		{ETF, etf(op1, "\x63", strings.Repeat("x", 31)), "malformed", 49},
		{ETF, etf(op1, "\x74\x00\x00\x00\x01\x46"), "a key has tag 70", 23},
		{ETF, etf(op1, "\x74\x00\x00\x00\x02\x61\x01\x6a\x6d\x00\x00\x00\x011\x6a"), `the key "1" is there twice`, 31},
		{ETF, etf(op1, strings.Repeat("\x68\x01", 100), "\x6a"), "nested deeper than 100", 216},
		{ETF, etf("\x6a"), "is missing", 2},
		{ETF, etf(m, "\x64\x00\x02op\x6d\x00\x00\x00\x011"), "op must be an integer", 17},
		{ETF, etf(m, "\x64\x00\x02op\x61\x01\x6a"), "something stands behind", 13},
	} {
		_, err := Decode(c.format, c.data)
		wrong, ok := errors.AsType[*DecodeError](err)
		if !ok || wrong.Format != c.format || !strings.Contains(wrong.Reason, c.reason) || wrong.Offset != c.offset {
			t.Errorf("%v %.60q: %v, want byte %d: %s", c.format, c.data, err, c.offset, c.reason)
		}
	}
}

// A payload that ends early is refused wherever it ends.
func TestTruncated(t *testing.T) {
	for _, f := range formats {
		whole, err := NewWriter(f, None).Event(nil, 1<<40, chatEvent())
		if err != nil {
			t.Fatal(err)
		}
		for n := range whole {
			if _, err := Decode(f, whole[:n]); err == nil {
				t.Fatalf("%v: %d bytes of %d are enough", f, n, len(whole))
			}
		}
	}
}

// What a term becomes is bounded by a small multiple of what it was, also when it says that
// much more will come.
func TestDecodeAllocates(t *testing.T) {
	for _, data := range [][]byte{
		etf("\x6c\x00\x0f\xff\x00", strings.Repeat("\x6a", 0xfff00), "\x6a"),
		etf("\x6d\x00\x0f\xff\x00", strings.Repeat("\x00", 0xfff00)),
		etf(strings.Repeat("\x6c\x00\x00\xff\xff", 10_000)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = Decode(ETF, data)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 64*uint64(len(data)) {
			t.Errorf("%d bytes for %d", n, len(data))
		}
	}
}

// What is an atom, what is an integer and what is neither is as the protocol has it; the
// text was checked with Erlang's binary_to_term.
func TestETF(t *testing.T) {
	data := `{"id":"81384788765712384","roles":["1","02"],"content":"123","session_id":"5","nil":null,
		"Größe":true,"81384788765712384":-1,"n":[256,-2147483649,18446744073709551616,1.5],"e":[],"o":{}}`
	term, err := appendRestETF(nil, "READY", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	atom := func(s string) string { return "d\x00" + string(rune(len(s))) + s }
	bin := func(s string) string { return "m\x00\x00\x00" + string(rune(len(s))) + s }
	want := atom("t") + atom("READY") + atom("d") + "t\x00\x00\x00\x0a" +
		atom("id") + "n\x08\x00\x00\x20\x80\xc0\x08\x23\x21\x01" +
		atom("roles") + "l\x00\x00\x00\x02a\x01" + bin("02") + "j" +
		atom("content") + bin("123") + atom("session_id") + bin("5") +
		bin("nil") + atom("nil") + bin("Größe") + atom("true") +
		bin("81384788765712384") + "b\xff\xff\xff\xff" +
		atom("n") + "l\x00\x00\x00\x04b\x00\x00\x01\x00n\x04\x01\x01\x00\x00\x80n\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01F\x3f\xf8\x00\x00\x00\x00\x00\x00j" +
		atom("e") + "j" + atom("o") + "t\x00\x00\x00\x00"
	if string(term) != want {
		t.Errorf("\n%q\n%q", term, want)
	}
}

// No bytes crash Decode, and what it takes is valid JSON.
func FuzzDecode(f *testing.F) {
	for _, format := range formats {
		message, _ := NewWriter(format, None).Event(nil, 1, chatEvent())
		f.Add(uint8(format), message)
	}
	f.Add(uint8(ETF), etf("\x74\x00\x00\x00\x01\x64\x00\x02op\x61\x01"))
	f.Add(uint8(JSON), []byte(`{"op":1,"d":[1.5e-3,"\ud83d\ude00"]}`))
	f.Fuzz(func(t *testing.T, format uint8, data []byte) {
		format %= 2
		p, err := Decode(Format(format), bytes.Clone(data))
		if err != nil {
			if wrong, ok := errors.AsType[*DecodeError](err); !ok || wrong.Offset > len(data) {
				t.Fatal(err)
			}
			return
		}
		if p.Op < 0 || !json.Valid(p.D) {
			t.Fatalf("%d %q", p.Op, p.D)
		}
		if Format(format) == JSON && !json.Valid(data) {
			t.Fatalf("not refused: %q", data)
		}
	})
}

// A text is taken as an event's data if encoding/json takes it, and comes back from each
// format as the same value.
func FuzzData(f *testing.F) {
	for _, s := range []string{`null`, `{"id":"1"}`, `[1e5,-0,0.1,"\u0000"]`, `"\ud800x"`, "\"\xff\"", `{"a":{"a":[]}}`, `[100000000000000010.0, 1.0]`, `123456789012345678901234567890`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 || bytes.Count(data, []byte("[")) > maxDepth || bytes.Count(data, []byte("{")) > maxDepth {
			return
		}
		_, err := checked(data)
		if (err == nil) != json.Valid(data) {
			t.Fatalf("%v: %q", err, data)
		}
		if err != nil {
			return
		}
		for _, format := range formats {
			part, err := NewWriter(format, None).rest("X", json.RawMessage(data))
			if format == ETF && err != nil {
				continue // a key that is there twice, or a number beyond the limits
			}
			if err != nil {
				t.Fatal(err)
			}
			p, err := Decode(format, append(appendHead(nil, format, 0, 1, "X"), part...))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(value(t, p.D), value(t, data)) {
				t.Fatalf("%v: %q\n%q", format, p.D, data)
			}
		}
	})
}

// Whatever the bytes of a part are, it decodes from any place of a stream: here behind
// another part, twice.
func FuzzParts(f *testing.F) {
	f.Add([]byte("aaaaaaaabbbbbbbbaaaaaaaabbbbbbbb, aaaaaaaabbbbbbbbaaaaaaaabbbbbbbb, aaaaaaaa"), uint16(3))
	f.Add(bytes.Repeat([]byte("0123"), 200), uint16(900))
	f.Add([]byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1, 2, 3}, 99))), uint16(64))
	f.Fuzz(func(t *testing.T, part []byte, times uint16) {
		if n := len(part) * int(times); n > 0 && n < 1<<15 {
			part = bytes.Repeat(part, int(times))
		}
		for _, c := range []Compression{ZlibPayload, ZlibStream, ZstdStream} {
			w, read := NewWriter(JSON, c), newReader(t, c)
			for seq, text := range [][]byte{part, []byte(strings.Repeat("before", 40)), part, part} {
				pack := deflatePart
				if c == ZstdStream {
					pack = zstdPart
				}
				packed, err := pack(text, nil)
				if err != nil {
					t.Fatal(err)
				}
				want := append(appendHead(nil, JSON, 0, uint64(seq), "X"), text...)
				got, err := read(w.compressed(nil, 0, uint64(seq), "X", packed), len(want))
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%v %d: %v", c, seq, err)
				}
			}
		}
	})
}
