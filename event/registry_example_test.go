package event_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/eventnode/eventnode/event"
)

// UserCreated is what happened, with what others need to know about it.
type UserCreated struct {
	UserID   int     `json:"user_id"`
	Username string  `json:"username"`
	Email    *string `json:"email"` // may be missing
}

// EventKey has the events of a user keep their order.
func (u UserCreated) EventKey() string { return fmt.Sprint("user:", u.UserID) }

var _ = event.Register[UserCreated]("user_created")

func ExampleRegister() {
	e, err := event.Of(UserCreated{UserID: 42, Username: "ada"})
	fmt.Println(e.Name, e.Key, string(e.Data), err)

	v, err := event.Decode(e)
	fmt.Printf("%+v %v\n", v, err)
	// Output:
	// user_created user:42 {"user_id":42,"username":"ada","email":null} <nil>
	// {UserID:42 Username:ada Email:<nil>} <nil>
}

func ExampleRegisterIn() {
	type UserMoved struct{ City string }
	r := event.NewRegistry(event.WithStyle(event.DottedCase))
	fmt.Println(event.RegisterIn[UserMoved](r, "crm.user_moved"))
	fmt.Println(event.RegisterIn[UserCreated](r, "UserCreated"))
	fmt.Println(r.Names())
	// Output:
	// <nil>
	// event "UserCreated" of type event_test.UserCreated cannot be registered: write the name in dotted.case, as all of this registry
	// [crm.user_moved]
}

func ExampleDecode() {
	_, err := event.Decode(event.New("user_created", []byte(`{"user_id":"42"}`)))
	fmt.Println(err)
	_, err = event.Decode(event.New("user_created", []byte(`{"user_id":42}`)))
	fmt.Println(err)
	if parse, ok := errors.AsType[*event.ParseError](err); ok {
		fmt.Println(parse.Name, parse.Field, parse.Offset)
	}
	// Output:
	// data of user_created: at byte 12: user_id is a string, not a whole number
	// data of user_created: at byte 14: username is missing
	// user_created username 14
}

func ExampleDecodeAs() {
	e, _ := event.Of(UserCreated{UserID: 42, Username: "ada"})
	u, err := event.DecodeAs[UserCreated](e)
	fmt.Println(u.Username, err)
	// Output: ada <nil>
}

// An event that nobody knows loses nothing, and is read as a type later.
func ExampleExternalEvent() {
	v, err := event.Decode(event.New("user_renamed", []byte(`{"user_id":42,"name":"grace"}`)))
	x, ok := v.(event.ExternalEvent)
	fmt.Println(x.Name, string(x.Data), ok, err)

	var renamed struct {
		Name string `json:"name"`
	}
	fmt.Println(x.Into(&renamed), renamed.Name)

	_, err = event.Of(x)
	fmt.Println(errors.Is(err, event.ErrExternalEvent))
	e, err := event.Of(x.Event) // to forward it
	fmt.Println(e.ID == x.ID, err)
	// Output:
	// user_renamed {"user_id":42,"name":"grace"} true <nil>
	// <nil> grace
	// true
	// true <nil>
}

// An order had one price once, and has a currency now.
func ExampleWithUpcast() {
	type PriceSet struct {
		Amount   int    `json:"amount"`
		Currency string `json:"currency"`
	}
	r := event.NewRegistry()
	err := event.RegisterIn[PriceSet](r, "price_set", event.WithVersion(2),
		event.WithUpcast(1, func(old json.RawMessage) (json.RawMessage, error) {
			var price struct {
				Price int `json:"price"`
			}
			if err := json.Unmarshal(old, &price); err != nil {
				return nil, err
			}
			return json.Marshal(PriceSet{Amount: price.Price, Currency: "EUR"})
		}))
	fmt.Println(err)

	v, err := r.Decode(event.New("price_set", []byte(`{"price":5}`)))
	fmt.Printf("%+v %v\n", v, err)
	e, err := r.Of(PriceSet{6, "USD"})
	fmt.Println(e.Meta[event.MetaVersion], err)
	// Output:
	// <nil>
	// {Amount:5 Currency:EUR} <nil>
	// 2 <nil>
}

// Three forms, one event.
func ExampleParseAny() {
	for _, doc := range []string{
		`{"id":"01981f3e-5c00-7000-8000-000000000001","name":"user_created","data_type":"application/json","data":{"user_id":42,"username":"ada"}}`,
		`{"id":1,"event_name":"user_created","event_date":"2025-07-18T20:33:57","user_id":42,"username":"ada"}`,
		`{"specversion":"1.0","id":"a-1","source":"/shop","type":"user_created","partitionkey":"user:42","data":{"user_id":42,"username":"ada"}}`,
	} {
		e, err := event.ParseAny([]byte(doc), event.WithSource("shop"))
		fmt.Println(e.ID, e.Meta[event.MetaOriginalID], e.Name, string(e.Data), err)
	}
	// Output:
	// 01981f3e-5c00-7000-8000-000000000001  user_created {"user_id":42,"username":"ada"} <nil>
	// aa50a99c-01ba-5069-a948-b7f8c1765c16 1 user_created {"user_id":42,"username":"ada"} <nil>
	// 030d5932-2225-52ad-9451-f34cc89c4de7 a-1 user_created {"user_id":42,"username":"ada"} <nil>
}

func ExampleEvent_MarshalFlat() {
	e, _ := event.Of(UserCreated{UserID: 42, Username: "ada"}, event.WithID(event.NamedID("", "1")))
	b, err := e.MarshalFlat()
	fmt.Println(string(b), err)
	// Output: {"id":"a8a02716-35b3-52e3-9fe5-f3116c0c043a","event_name":"user_created","user_id":42,"username":"ada","email":null} <nil>
}

// A protobuf message is written in its binary form; Validate is called before that, and
// when an event is read.
func ExampleOf() {
	r := event.NewRegistry()
	err := errors.Join(
		event.RegisterIn[*wrapperspb.StringValue](r, "note_added"),
		event.RegisterIn[OrderPlaced](r, "order_placed"),
	)
	e, ofErr := r.Of(wrapperspb.String("hello"), event.WithKey("note:1"))
	fmt.Println(e.Name, e.Key, e.DataType, len(e.Data), errors.Join(err, ofErr))

	_, err = r.Of(OrderPlaced{Items: 0})
	fmt.Println(err)
	_, err = r.Decode(event.New("order_placed", []byte(`{"items":0}`)))
	fmt.Println(err)
	// Output:
	// note_added note:1 application/protobuf 7 <nil>
	// order_placed: invalid event: an order without items
	// data of order_placed: invalid event: an order without items
}

// OrderPlaced has a rule of its own.
type OrderPlaced struct {
	Items int `json:"items"`
}

// Validate says what makes no sense.
func (o OrderPlaced) Validate() error {
	if o.Items < 1 {
		return errors.New("an order without items")
	}
	return nil
}
