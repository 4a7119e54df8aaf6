package cloudevents_test

import (
	"fmt"

	sdk "github.com/cloudevents/sdk-go/v2"

	"github.com/eventnode/eventnode/adapters/cloudevents"
	"github.com/eventnode/eventnode/event"
)

func ExampleFromSDK() {
	ce := sdk.NewEvent()
	ce.SetID("A-1")
	ce.SetSource("/shop")
	ce.SetType("order_placed")
	ce.SetSubject("order 1")
	_ = ce.SetData(sdk.ApplicationJSON, map[string]int{"id": 1})

	e, err := cloudevents.FromSDK(ce)
	fmt.Println(e.Name, e.Source, e.Meta["subject"], e.Meta[event.MetaOriginalID], string(e.Data), err)
	// Output:
	// order_placed /shop order 1 A-1 {"id":1} <nil>
}

func ExampleToSDK() {
	id, _ := event.ParseID("01981f3e-5c00-7000-8000-000000000001")
	e := event.New("order_placed", []byte(`{"id":1}`), event.WithID(id), event.WithSource("/shop"), event.WithKey("order:1"), event.WithDataType(event.JSON))

	ce, err := cloudevents.ToSDK(e)
	fmt.Println(ce.ID(), ce.Type(), ce.Source(), ce.Extensions()["partitionkey"], string(ce.Data()), err)
	// Output:
	// 01981f3e-5c00-7000-8000-000000000001 order_placed /shop order:1 {"id":1} <nil>
}
