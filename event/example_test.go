package event_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/eventnode/eventnode/event"
)

func ExampleNew() {
	e := event.New("user_created", []byte(`{"id":42}`),
		event.WithDataType("application/json"),
		event.WithKey("user:42"),
		event.WithMeta(map[string]string{"trace": "7f"}))
	fmt.Println(e.Name, e.Key, e.ID.Version(), e.Time.Equal(event.TimeOf(e.ID)))
	fmt.Println(e.Validate())
	// Output:
	// user_created user:42 VERSION_7 true
	// <nil>
}

func ExampleEvent_MarshalJSON() {
	id, _ := event.ParseID("01981f3e-5c00-7000-8000-000000000001")
	e := event.New("user_created", []byte(`{"id":42}`), event.WithID(id), event.WithDataType("application/json"))
	b, err := json.Marshal(e)
	fmt.Println(string(b), err)
	// Output:
	// {"id":"01981f3e-5c00-7000-8000-000000000001","name":"user_created","time":"2025-07-18T20:33:57.248Z","data_type":"application/json","data":{"id":42}} <nil>
}

func ExampleParseJSON() {
	_, err := event.ParseJSON([]byte(`{"id":"01981f3e-5c00-7000-8000-000000000001"}`))
	fmt.Println(err)
	var parse *event.ParseError
	fmt.Println(errors.As(err, &parse), parse.Field, errors.Is(err, event.ErrParse))

	_, err = event.ParseJSON([]byte(`{"id":`))
	fmt.Println(err)
	// Output:
	// event JSON: name is missing
	// true name true
	// event JSON: at byte 6: unexpected end of JSON input
}

func ExampleEvent_MarshalCloudEvent() {
	id, _ := event.ParseID("01981f3e-5c00-7000-8000-000000000001")
	e := event.New("user_created", []byte(`{"id":42}`), event.WithID(id), event.WithSource("/users"), event.WithKey("user:42"),
		event.WithDataType("application/json"), event.WithMeta(map[string]string{"traceparent": "00-7f"}))
	b, err := e.MarshalCloudEvent()
	fmt.Println(string(b), err)
	back, err := event.ParseCloudEvent(b)
	fmt.Println(back.Name, back.Key, string(back.Data), err)
	// Output:
	// {"specversion":"1.0","id":"01981f3e-5c00-7000-8000-000000000001","source":"/users","type":"user_created","time":"2025-07-18T20:33:57.248Z","partitionkey":"user:42","datacontenttype":"application/json","traceparent":"00-7f","data":{"id":42}} <nil>
	// user_created user:42 {"id":42} <nil>
}

func ExampleParseCloudEvents() {
	batch := []byte(`[
		{"specversion": "1.0", "id": "A-1", "source": "/shop", "type": "order_placed"},
		{"specversion": "1.0", "id": "A-2", "source": "/shop"}
	]`)
	for e, err := range event.ParseCloudEvents(batch) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(e.Name, e.Meta[event.MetaOriginalID])
	}
	// Output:
	// order_placed A-1
	// CloudEvents JSON batch: [1].type is missing
}
