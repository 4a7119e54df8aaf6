package source

import (
	"encoding/json"
	"strconv"

	"github.com/eventnode/eventnode/event"
)

// How an event of a source travels as a live event.
//
// Name and Data are its own; DataType is application/json, Source the source's name, and
// Key the shard, so that who keeps events in the order of their keys keeps that of each
// shard. Meta has its origin and its place:
//
//	source   the source's name
//	shard    which part of it, from 0 on, of
//	shards   so many
//	session  in which seq grows; missing if the source has none
//	seq      the payload's number; missing if it numbers nothing
//	part     which of the payload's events it is, from 0 on, of
//	parts    so many; both are missing where there is one
//	after    the seq of the payload before, of those that became events; missing if
//	         nobody knows
//
// The ID of a numbered event is made of its origin and its part: a payload that a source
// says again, to whatever node, has events with the same IDs. Others have new ones.

// The keys in Meta.
const (
	MetaSource  = "source"
	MetaShard   = "shard"
	MetaShards  = "shards"
	MetaSession = "session"
	MetaSeq     = "seq"
	MetaPart    = "part"
	MetaParts   = "parts"
	MetaAfter   = "after"
)

const maxShards = 1 << 20

// toLive is the live event of an event, which is one that check has passed.
func (e Event) toLive() event.Event {
	meta := make(map[string]string, 8)
	meta[MetaSource] = e.Origin.Source
	shard := strconv.Itoa(e.Origin.Shard)
	meta[MetaShard], meta[MetaShards] = shard, strconv.Itoa(e.Origin.Shards)
	if e.Origin.Session != "" {
		meta[MetaSession] = e.Origin.Session
	}
	if e.Origin.Seq > 0 {
		meta[MetaSeq] = strconv.FormatUint(e.Origin.Seq, 10)
	}
	if e.Place.Parts > 1 {
		meta[MetaPart], meta[MetaParts] = strconv.Itoa(e.Place.Part), strconv.Itoa(e.Place.Parts)
	}
	if e.Place.After > 0 {
		meta[MetaAfter] = strconv.FormatUint(e.Place.After, 10)
	}
	ev := event.Event{Name: e.Name, Key: shard, Source: e.Origin.Source, Meta: meta, Data: e.Data, DataType: event.JSON}
	if e.Origin.Seq > 0 {
		ev.ID = e.id()
	} else {
		ev.ID = event.NewID()
	}
	ev.Time = event.TimeOf(ev.ID)
	return ev
}

// id is always the same for what is said again.
func (e Event) id() event.ID {
	b := make([]byte, 0, 64)
	b = strconv.AppendInt(b, int64(e.Origin.Shard), 10)
	b = strconv.AppendInt(append(b, '/'), int64(e.Origin.Shards), 10)
	b = strconv.AppendUint(append(b, '/'), e.Origin.Seq, 10)
	b = strconv.AppendInt(append(b, '/'), int64(e.Place.Part), 10)
	b = append(append(b, '/'), e.Origin.Session...)
	return event.NamedID(e.Origin.Source, string(b))
}

// FromLive is the event of a live event, such as a subscription to the topic of a source
// delivers. The error is an *EventError, ErrForeign.
func FromLive(ev event.Event) (Event, error) {
	r := metaReader{meta: ev.Meta}
	e := Event{
		Name: ev.Name, Data: ev.Data,
		Origin: Origin{
			Source: ev.Meta[MetaSource], Session: ev.Meta[MetaSession], Seq: r.number(MetaSeq, 0, 1<<64-1),
			Shard: int(r.number(MetaShard, 0, maxShards)), Shards: int(r.number(MetaShards, 1, maxShards)),
		},
		Place: Place{
			Part: int(r.number(MetaPart, 0, 1<<31-1)), Parts: max(1, int(r.number(MetaParts, 1, 1<<31-1))),
			After: r.number(MetaAfter, 0, 1<<64-1),
		},
	}
	reason := r.reason
	if reason == "" {
		reason = e.malformed()
	}
	if reason != "" {
		return Event{}, &EventError{Name: ev.Name, Reason: reason, kind: ErrForeign}
	}
	return e, nil
}

// metaReader reads numbers, and notes what is wrong with the first that is none.
type metaReader struct {
	meta   map[string]string
	reason string
}

// number is the number under a key, or def if there is none.
func (r *metaReader) number(key string, def, most uint64) uint64 {
	text, ok := r.meta[key]
	if !ok {
		return def
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if (err != nil || n > most) && r.reason == "" {
		r.reason = "its meta " + key + " is not a number of at most " + strconv.FormatUint(most, 10)
	}
	return min(n, most)
}

// malformed says what is wrong with an event.
func (e Event) malformed() string {
	switch o, p := e.Origin, e.Place; {
	case e.Name == "":
		return "it has no name"
	case CheckName(o.Source) != nil:
		return "its origin has no source that is a name"
	case o.Shard < 0 || o.Shards < 1 || o.Shard >= o.Shards || o.Shards > maxShards:
		return "its shard is not one of 0 to shards - 1"
	case p.Part < 0 || p.Part > 0 && p.Part >= p.Parts:
		return "its part is not one of 0 to parts - 1"
	}
	return ""
}

// check refuses a list with an event that cannot be dispatched. The data is looked at only
// if it is strict: a pipeline's comes from where it was decoded.
func check(events []Event, source string, strict bool) error {
	for i, e := range events {
		reason := e.malformed()
		switch {
		case reason != "":
		case e.Origin.Source != source:
			reason = "it is not of the source " + source
		case strict && len(e.Data) > 0 && !json.Valid(e.Data):
			reason = "its data is no JSON"
		}
		if reason != "" {
			return &EventError{Index: i, Name: e.Name, Reason: reason, kind: ErrInvalidEvent}
		}
	}
	return nil
}
