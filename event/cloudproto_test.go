package event

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// protoMessage puts fields together: a number and what it holds, in turn.
func protoMessage(fields ...any) (b []byte) {
	for i := 0; i < len(fields); i += 2 {
		number := protowire.Number(fields[i].(int)) //nolint:gosec // small
		switch v := fields[i+1].(type) {
		case int:
			b = protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), uint64(int64(v))) //nolint:gosec // as it is
		case string:
			b = appendField(b, number, v)
		case []byte:
			b = appendField(b, number, v)
		}
	}
	return b
}

// protoEvent is an event with more fields.
func protoEvent(more ...any) []byte {
	return append(protoMessage(1, "i", 2, "/s", 3, "1.0", 4, "n"), protoMessage(more...)...)
}

func protoAttribute(name string, value ...any) []byte {
	return protoMessage(1, name, 2, protoMessage(value...))
}

// Every kind of attribute and of data is read, as CloudEvents writes it as a string; what a
// later version may add is left alone.
func TestParseCloudEventProto(t *testing.T) {
	stamp := protoMessage(1, 1_600_000_000, 2, 500_000_000)
	got, err := ParseCloudEventProto(protoEvent(
		5, protoAttribute("yes", 1, 1), 5, protoAttribute("no", 1, 0), 5, protoAttribute("number", 2, -7), 5, protoAttribute("text", 3, "é"),
		5, protoAttribute("bytes", 4, "\xff\x00"), 5, protoAttribute("uri", 5, "http://a"), 5, protoAttribute("ref", 6, "/b"),
		5, protoAttribute("at", 7, stamp), 5, protoAttribute("time", 7, stamp), 5, protoAttribute("partitionkey", 3, "k"),
		5, protoAttribute("subject", 3, "first", 3, "last"), 99, "later", 98, 1, 7, "<a/>", 5, protoAttribute("datacontenttype", 3, "text/xml"),
	))
	at := time.Unix(1_600_000_000, 500_000_000).UTC()
	want := Event{
		ID: NamedID("/s", "i"), Source: "/s", Name: "n", Key: "k", Time: at, Data: []byte("<a/>"), DataType: "text/xml",
		Meta: map[string]string{
			"yes": "true", "no": "false", "number": "-7", "text": "é", "bytes": "/wA=", "uri": "http://a", "ref": "/b",
			"at": "2020-09-13T12:26:40.5Z", "subject": "last", MetaOriginalID: "i",
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
	message := protoMessage(1, "type.googleapis.com/shop.Order", 2, "\x08\x01")
	got, err = ParseCloudEventProto(protoEvent(6, "before", 8, message))
	if err != nil || got.DataType != Protobuf || string(got.Data) != "\x08\x01" || got.Meta["dataschema"] != "type.googleapis.com/shop.Order" {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = ParseCloudEventProto(protoEvent(8, message, 5, protoAttribute("dataschema", 5, "u:mine"), 5, protoAttribute("datacontenttype", 3, "x/y")))
	if err != nil || got.DataType != "x/y" || got.Meta["dataschema"] != "u:mine" {
		t.Errorf("what the attributes say is left: %+v, %v", got, err)
	}
	if got, err = ParseCloudEventProto(protoEvent(6, "")); err != nil || got.Data != nil || got.DataType != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// What is no event is refused, with the attribute that is wrong and why.
func TestParseCloudEventProtoBad(t *testing.T) {
	for says, b := range map[string][]byte{
		"specversion is missing":                       protoMessage(1, "i", 2, "/s", 4, "n"),
		"id is missing":                                protoMessage(2, "/s", 3, "1.0", 4, "n"),
		"specversion is not 1.0":                       append(protoEvent(), protoMessage(3, "0.3")...),
		"UTF-8":                                        protoEvent(2, "\xff"),
		"x is malformed: not UTF-8":                    protoEvent(5, protoAttribute("x", 3, "\xff")),
		"protobuf: not UTF-8":                          protoEvent(7, "\xff"),
		"proto_data is malformed: not UTF-8":           protoEvent(8, protoMessage(1, "\xff")),
		"another type":                                 protoEvent(1, 5),
		"unexpected EOF":                               protoEvent()[:14],
		"x has no value":                               protoEvent(5, protoAttribute("x")),
		"x is malformed: a field has another type":     protoEvent(5, protoAttribute("x", 3, 1)),
		"id stands among the attributes":               protoEvent(5, protoAttribute("id", 3, "j")),
		"data is not the name of an attribute":         protoEvent(5, protoAttribute("data", 3, "j")),
		"time is no time between the years 1 and 9999": protoEvent(5, protoAttribute("time", 7, protoMessage(2, -1))),
		"time is not between the years 1678 and 2261":  protoEvent(5, protoAttribute("time", 7, protoMessage(1, 90_000_000_000))),
		"time is not in the form of RFC 3339":          protoEvent(5, protoAttribute("time", 3, "noon")),
		"proto_data is malformed":                      protoEvent(8, protoMessage(1, 1)),
	} {
		_, err := ParseCloudEventProto(b)
		if !errors.Is(err, ErrParse) || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q: %v", says, err)
		}
	}
}

// A batch is read in its order, in both forms, as it was written; an error says which event
// is wrong, and what came before it is there.
func TestCloudBatches(t *testing.T) {
	events := []Event{New("a", []byte("1"), WithSource("/s")), New("b", nil), New("c", []byte("x"), WithDataType("text/plain"))}
	inJSON, err1 := MarshalCloudEvents(events)
	inProto, err2 := MarshalCloudEventsProto(events)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	var back, backProto []Event
	for e, err := range ParseCloudEvents(inJSON) {
		if back = append(back, e); err != nil {
			t.Fatal(err)
		}
	}
	for e, err := range ParseCloudEventsProto(inProto) {
		if backProto = append(backProto, e); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(back, events) || !reflect.DeepEqual(backProto, events) {
		t.Errorf("%+v\n%+v\nwant %+v", back, backProto, events)
	}
	for _, bad := range []struct {
		b    []byte
		good int
		says string
	}{
		{append(protoMessage(1, protoEvent(), 2, "later"), protoMessage(1, protoMessage(1, "i"))...), 1, "[1].specversion"},
		{protoMessage(1, "\xff"), 0, "[0]"},
		{append(protoMessage(1, protoEvent()), 0xff), 1, ""},
		{protoMessage(1, 1), 0, ""},
	} {
		good := 0
		var last error
		for _, err := range ParseCloudEventsProto(bad.b) {
			if last = err; err == nil {
				good++
			}
		}
		p, ok := errors.AsType[*ParseError](last)
		if !ok || good != bad.good || p.Field != bad.says {
			t.Errorf("%d events before %v, want %d before %q", good, last, bad.good, bad.says)
		}
	}
	for range ParseCloudEventsProto(inProto) {
		break // who has enough is not called again
	}
	if _, err := MarshalCloudEvents([]Event{{}}); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
	if _, err := MarshalCloudEventsProto([]Event{{}}); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}

// Whatever bytes come: an event that is read is written and read back the same, in all
// forms; everything else is a *ParseError.
func FuzzParseCloudEventProto(f *testing.F) {
	f.Add(protoEvent(5, protoAttribute("time", 7, protoMessage(1, 7)), 8, protoMessage(1, "u", 2, "x")))
	f.Add(protoMessage(1, protoEvent(), 1, protoEvent(7, "t")))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseCloudEventProto(b)
		if err == nil {
			cloudRoundTrip(t, e)
		} else if _, ok := errors.AsType[*ParseError](err); !ok {
			t.Fatal(err)
		}
		for e, err := range ParseCloudEventsProto(b) {
			if err == nil {
				cloudRoundTrip(t, e)
			} else if !errors.Is(err, ErrParse) {
				t.Fatal(err)
			}
		}
	})
}
