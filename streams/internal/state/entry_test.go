package state

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// unknownField is a field that no version knows yet.
func unknownField() []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 1)
}

func rawEntry(tb testing.TB, e *storagev1.Entry, more ...byte) []byte {
	tb.Helper()
	b, err := proto.Marshal(e)
	if err != nil {
		tb.Fatal(err)
	}
	return append(b, more...)
}

// What the builder writes is an Entry to every protobuf decoder, and back.
func TestEntryIsProto(t *testing.T) {
	a, b := anEvent("a", 3), anEvent("b", 300)
	p := publishOp(4, a, b)
	p.GetPublish().Producer = &storagev1.ProducerBatch{Producer: numberedID('p', 1), Number: 2}
	p.GetPublish().ExpectLast = &storagev1.Position{}
	data := entryOf(t, 99, p, deleteOp(Name{"n", "s"}), tickOp(1, 2))
	var e storagev1.Entry
	if err := proto.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	if e.GetFormat() != Format || e.GetStampMs() != 99 || len(e.GetCommands()) != 3 || hasUnknown(e.ProtoReflect()) {
		t.Fatalf("%v", &e)
	}
	if got := e.GetCommands()[0].GetPublish(); len(got.GetEnvelopes()) != 2 || got.ExpectLast == nil || got.GetProducer().GetNumber() != 2 {
		t.Errorf("%v", got)
	}
	d, err := decodeEntry(data)
	if err != nil || d.stamp != 99 || len(d.commands) != 3 {
		t.Fatalf("%+v, %v", d, err)
	}
	c, records, err := decodeCommand(d.commands[0])
	if err != nil || string(records) != a+b || len(c.GetPublish().GetEnvelopes()) != 0 {
		t.Errorf("%v, %q, %v", c, records, err)
	}
}

// An entry that this version does not know in full stops the replica; a stranger
// field is found wherever it stands.
func TestEntryUnknown(t *testing.T) {
	odd := func(m proto.Message) { m.ProtoReflect().SetUnknown(unknownField()) }
	declare := declareOp(Name{"", "a"}, &storagev1.StreamConfig{}, false)
	inConfig, inName, inCommand := proto.CloneOf(declare.Command), proto.CloneOf(declare.Command), proto.CloneOf(declare.Command)
	odd(inConfig.GetDeclareStream().GetConfig())
	odd(inName.GetDeclareStream().GetName())
	odd(inCommand)
	publish, expect, plain := publishOp(1, anEvent("a", 1)).Command, publishOp(1, anEvent("a", 1)).Command, publishOp(1, anEvent("a", 1)).Command
	expect.GetPublish().ExpectLast = &storagev1.Position{}
	odd(expect.GetPublish().GetExpectLast())
	odd(plain.GetPublish())
	publish.GetPublish().Producer = &storagev1.ProducerBatch{}
	odd(publish.GetPublish().GetProducer())
	one := func(c *storagev1.Command) *storagev1.Entry {
		return &storagev1.Entry{Format: 1, Commands: []*storagev1.Command{c}}
	}
	for name, data := range map[string][]byte{
		"nothing":          nil,
		"no format":        rawEntry(t, &storagev1.Entry{StampMs: 1}),
		"next format":      rawEntry(t, &storagev1.Entry{Format: 2}, unknownField()...),
		"field of entry":   rawEntry(t, &storagev1.Entry{Format: 1}, unknownField()...),
		"field of command": rawEntry(t, one(inCommand)),
		"field of config":  rawEntry(t, one(inConfig)),
		"field of name":    rawEntry(t, one(inName)),
		"field of batch":   rawEntry(t, one(publish)),
		"field of expect":  rawEntry(t, one(expect)),
		"field of publish": rawEntry(t, one(plain)),
		"no command":       rawEntry(t, one(&storagev1.Command{})),
		"cut short":        entryOf(t, 1, declare)[:9],
		"stamp as bytes":   rawEntry(t, &storagev1.Entry{Format: 1}, 2<<3|2, 0),
	} {
		r := inMemory(t)
		if _, err := r.try(data); !errors.Is(err, ErrEntry) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := inMemory(t).try(rawEntry(t, &storagev1.Entry{Format: 2}, unknownField()...))
	if err == nil || !strings.Contains(err.Error(), "format is 2, this version reads 1") {
		t.Errorf("%v", err)
	}
}

// hasUnknown does not go into maps, and rows with maps would not be equal bytes on
// every replica.
func TestEntryShape(t *testing.T) {
	all := storagev1.File_eventnode_storage_v1_storage_proto.Messages()
	for i := range all.Len() {
		for j := range all.Get(i).Fields().Len() {
			if f := all.Get(i).Fields().Get(j); f.IsMap() {
				t.Errorf("%s is a map", f.FullName())
			}
		}
	}
	// publishHasUnknown knows the messages in a Publish by name.
	fields := (&storagev1.Publish{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); f.Message() != nil && f.Name() != "producer" && f.Name() != "expect_last" {
			t.Errorf("%s is not looked into", f.FullName())
		}
	}
	// The seal is written by hand, as the format says.
	if f := (&storagev1.Chunk{}).ProtoReflect().Descriptor().Fields().ByName("seal"); f.Number() != protowire.Number(sealTag>>3) || f.Kind() != protoreflect.Fixed64Kind {
		t.Errorf("the seal is written as field %d, the format says %d", sealTag>>3, f.Number())
	}
}

// The builder is the gate: what every replica would stop at, or store and never
// be able to read, does not get in, and what was in before stays.
func TestBuilderRefuses(t *testing.T) {
	good := publishOp(1, anEvent("a", 1))
	odd := proto.CloneOf(declareOp(Name{"", "a"}, &storagev1.StreamConfig{}, false).Command)
	odd.GetDeclareStream().GetConfig().ProtoReflect().SetUnknown(unknownField())
	change := func(f func(o *op, p *storagev1.Publish)) op {
		o := op{proto.CloneOf(good.Command), slices.Clone(good.events)}
		f(&o, o.GetPublish())
		return o
	}
	for name, o := range map[string]op{
		"count":            change(func(_ *op, p *storagev1.Publish) { p.Count = 2 }),
		"checksum":         change(func(_ *op, p *storagev1.Publish) { p.Checksum++ }),
		"no event":         change(func(o *op, _ *storagev1.Publish) { o.events[0] = "x" }),
		"half an event":    change(func(o *op, _ *storagev1.Publish) { o.events[0] = o.events[0][:5] }),
		"events twice":     change(func(_ *op, p *storagev1.Publish) { p.Envelopes = [][]byte{{}} }),
		"unknown in head":  change(func(_ *op, p *storagev1.Publish) { p.ProtoReflect().SetUnknown(unknownField()) }),
		"unknown in other": {Command: odd},
		"no command":       {Command: &storagev1.Command{}},
	} {
		var b EntryBuilder
		if err := add(&b, good); err != nil {
			t.Fatal(err)
		}
		size := b.Size()
		if err := add(&b, o); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
		if b.Count() != 1 || b.Size() != size {
			t.Errorf("%s: %d commands, %d bytes of %d", name, b.Count(), b.Size(), size)
		}
	}
	var b EntryBuilder
	if err := b.Add(good.Command); err == nil {
		t.Error("a publish without its events was added")
	}
	if err := b.Add(deleteOp(Name{"", "\xff"}).Command); err == nil {
		t.Error("a name that is not UTF-8 was added")
	}
	if data := b.Finish(5); len(inMemory(t).play(data)) != 0 {
		t.Errorf("an entry without commands: %x", data)
	}
}

// A malformed batch is refused before its number counts.
func TestBatchShape(t *testing.T) {
	r := inMemory(t)
	r.play(entryOf(t, 1, declareOp(Name{"", "a"}, nil, true)))
	batch := func(f func(p *storagev1.Publish)) []byte {
		p := &storagev1.Publish{Stream: 1, Count: 1, Producer: &storagev1.ProducerBatch{Producer: numberedID('p', 1), Number: 1}}
		e := anEvent("a", 1)
		p.Checksum = Checksum([]byte(e))
		p.Envelopes = [][]byte{[]byte(e[2:])}
		f(p)
		return rawEntry(t, &storagev1.Entry{Format: 1, Commands: []*storagev1.Command{{Command: &storagev1.Command_Publish{Publish: p}}}})
	}
	for name, f := range map[string]func(p *storagev1.Publish){
		"count":       func(p *storagev1.Publish) { p.Count = 2 },
		"count 0":     func(p *storagev1.Publish) { p.Count = 0 },
		"no events":   func(p *storagev1.Publish) { p.Envelopes = nil },
		"ids":         func(p *storagev1.Publish) { p.DedupeIds = make([]byte, 15) },
		"slots":       func(p *storagev1.Publish) { p.KeySlots = make([]byte, 1) },
		"producer":    func(p *storagev1.Publish) { p.Producer.Producer = nil },
		"number":      func(p *storagev1.Publish) { p.Producer.Number = 0 },
		"short slots": func(p *storagev1.Publish) { p.DedupeIds, p.KeySlots = make([]byte, 16), make([]byte, 1) },
	} {
		if res := r.play(batch(f)); !errors.Is(res[0].Err, eventnode.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, res[0].Err)
		}
	}
	if res := r.play(batch(func(*storagev1.Publish) {})); res[0].Err != nil || res[0].Published.Appended != 1 {
		t.Errorf("%+v", res[0])
	}
}
