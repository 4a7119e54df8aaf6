package event_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/eventnode/eventnode/event"
)

// The options set what an event has besides its name and data.
func ExampleOption() {
	at := time.Date(2025, 7, 18, 20, 33, 57, 0, time.UTC)
	e := event.New("order_placed", []byte(`{"id":1}`),
		event.WithKey("customer:7"), // events of this key keep their order
		event.WithTime(at),
		event.WithSource("/shop"),
		event.WithDataType("application/json"),
		event.WithMeta(map[string]string{"traceparent": "00-7f"}))
	fmt.Println(e.Key, e.Time, e.Source, e.DataType, e.Meta["traceparent"], e.Validate())
	// Output: customer:7 2025-07-18 20:33:57 +0000 UTC /shop application/json 00-7f <nil>
}

// What breaks a rule is told with its field, before the event goes anywhere.
func ExampleEvent_Validate() {
	e := event.New("", nil)
	err := e.Validate()
	if invalid, ok := errors.AsType[*event.InvalidError](err); ok {
		fmt.Println(invalid.Field, invalid.Reason, errors.Is(err, event.ErrInvalid))
	}
	// Output: name is missing true
}

// All errors of reading and of producing are of one family.
func ExampleErrEvent() {
	_, malformed := event.ParseJSON([]byte(`{"id"`))
	_, unknown := event.Of(struct{}{})
	produce := &event.ProduceError{Name: "user_created", Err: unknown}
	for _, err := range []error{malformed, produce} {
		fmt.Println(errors.Is(err, event.ErrEvent), errors.Is(err, event.ErrParse), errors.Is(err, event.ErrProduce))
	}
	fmt.Println(errors.Is(produce, event.ErrNotRegistered)) // the cause is found
	// Output:
	// true true false
	// true false true
	// true
}

// Others' events, with their own fields beside those of the event. A number as ID becomes a
// UUID that is always the same.
func ExampleParseFlat() {
	doc := []byte(`{"id": 7, "event_name": "user_created", "event_date": "2023-05-01 12:00:00", "user_id": 42, "username": "ada"}`)
	e, err := event.ParseFlat(doc, event.WithSource("/accounts"))
	fmt.Println(e.Name, e.Time, string(e.Data), err)
	fmt.Println(e.ID == event.NamedID("/accounts", "7"), e.Meta[event.MetaOriginalID])
	u, err := event.DecodeAs[UserCreated](e)
	fmt.Println(u.Username, err)
	// Output:
	// user_created 2023-05-01 12:00:00 +0000 UTC {"user_id": 42,"username": "ada"} <nil>
	// true 7
	// ada <nil>
}

// An event of CloudEvents keeps what it has: its type is the name, its partitionkey the key.
func ExampleParseCloudEvent() {
	e, err := event.ParseCloudEvent([]byte(`{"specversion":"1.0","id":"a-1","source":"/shop","type":"order_placed",
		"time":"2025-07-18T20:33:57Z","partitionkey":"customer:7","datacontenttype":"application/json","data":{"id":1}}`))
	fmt.Println(e.Name, e.Key, e.Source, e.DataType, string(e.Data), err)
	_, err = event.ParseCloudEvent([]byte(`{"specversion":"1.0","id":"a-1","type":"order_placed"}`))
	fmt.Println(err)
	// Output:
	// order_placed customer:7 /shop application/json {"id":1} <nil>
	// CloudEvents JSON: source is missing
}

// An ID tells when it was made, to the millisecond, and later ones are greater.
func ExampleTimeOf() {
	at := time.Date(2025, 7, 18, 20, 33, 57, 123_000_000, time.UTC)
	id, later := event.NewIDAt(at), event.NewIDAt(at.Add(time.Millisecond))
	fmt.Println(event.TimeOf(id).Equal(at), id.String() < later.String())
	again, err := event.ParseID(id.String())
	fmt.Println(again == id, err)
	// Output:
	// true true
	// true <nil>
}

// A registry of one's own knows what was registered with it, and nothing else.
func ExampleRegistry() {
	type UserMoved struct {
		City string `json:"city"`
	}
	r := event.NewRegistry()
	fmt.Println(event.RegisterIn[UserMoved](r, "user_moved"), r.Names(), r.Has("user_created"))
	name, err := r.NameOf(&UserMoved{})
	fmt.Println(name, err)

	e, err := r.Of(UserMoved{City: "Kyiv"}, event.WithKey("user:42"))
	fmt.Println(e.Name, e.Key, string(e.Data), err)
	var moved UserMoved
	fmt.Println(r.Into(e, &moved), moved.City)
	// Output:
	// <nil> [user_moved] false
	// user_moved <nil>
	// user_moved user:42 {"city":"Kyiv"} <nil>
	// <nil> Kyiv
}
