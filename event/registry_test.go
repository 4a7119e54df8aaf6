package event

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type userCreated struct {
	UserID   int    `json:"user_id"`
	Username string `json:"username"`
	Email    string `json:"email"`
}

func (u userCreated) EventKey() string { return "user:" + u.Username }

func (u *userCreated) Validate() error {
	if !strings.Contains(u.Email, "@") {
		return errors.New("email has no @")
	}
	return nil
}

type userDeleted struct {
	UserID int `json:"user_id"`
}

// registered is a registry with what tests use.
func registered(t testing.TB) *Registry {
	t.Helper()
	r := NewRegistry()
	if err := errors.Join(
		RegisterIn[userCreated](r, "user_created"),
		RegisterIn[*userDeleted](r, "user_deleted"),
		RegisterIn[*timestamppb.Timestamp](r, "time_passed"),
	); err != nil {
		t.Fatal(err)
	}
	return r
}

// A value becomes an event and is read back the same, by its name (row A1).
func TestA1_TypedRoundTrip(t *testing.T) {
	r := registered(t)
	e, err := r.Of(userCreated{7, "ada", "ada@example.com"}, WithMeta(map[string]string{"trace": "1"}))
	if err != nil {
		t.Fatal(err)
	}
	if e.Name != "user_created" || e.Key != "user:ada" || e.DataType != JSON || len(e.ID.String()) != 36 || e.Time.IsZero() {
		t.Errorf("%+v", e)
	}
	if want := `{"user_id":7,"username":"ada","email":"ada@example.com"}`; string(e.Data) != want {
		t.Errorf("%s", e.Data)
	}
	for _, v := range []any{userCreated{7, "ada", "ada@example.com"}, &userDeleted{9}, timestamppb.New(e.Time)} {
		e, err := r.Of(v)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseJSON(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Decode(back)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := v.(*timestamppb.Timestamp); ok {
			if other, ok := got.(*timestamppb.Timestamp); !ok || !other.AsTime().Equal(m.AsTime()) || e.DataType != Protobuf {
				t.Errorf("%v, want %v", got, v)
			}
		} else if !reflect.DeepEqual(got, v) {
			t.Errorf("%+v, want %+v", got, v)
		}
	}
}

// An ID is made, or the one given is kept, also of a type of one's own (AS-T1).
func TestAST1_IDs(t *testing.T) {
	r := registered(t)
	v := userCreated{7, "ada", "ada@example.com"}
	a, err := r.Of(v)
	b, err2 := r.Of(v)
	if err != nil || err2 != nil || a.ID == b.ID || len(a.ID.String()) != 36 {
		t.Errorf("%v %v: %v %v", a.ID, b.ID, err, err2)
	}
	if given, err := r.Of(v, WithID(testID), WithKey("k")); err != nil || given.ID != testID || given.Key != "k" {
		t.Errorf("%+v: %v", given, err)
	}
}

// JSON of an event is exact (AS-T3).
func TestAST3_JSONExact(t *testing.T) {
	e, err := registered(t).Of(&userDeleted{9}, WithID(testID))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(e)
	if want := `{` + idJSON[:len(idJSON)-len(`"name":"n","time":"2025-07-18T20:33:57.248Z"`)] +
		`"name":"user_deleted","time":"2025-07-18T20:33:57.248Z","data_type":"application/json","data":{"user_id":9}}`; err != nil || string(b) != want {
		t.Errorf("%s (%v)\nwant %s", b, err, want)
	}
}

func TestRegisterErrors(t *testing.T) {
	for what, register := range map[string]func(*Registry) error{
		"a name in another style":  func(r *Registry) error { return RegisterIn[struct{ A int }](r, "UserCreated") },
		"no name":                  func(r *Registry) error { return RegisterIn[struct{ A int }](r, "") },
		"a name that is there":     func(r *Registry) error { return RegisterIn[struct{ A int }](r, "user_created") },
		"a type that is there":     func(r *Registry) error { return RegisterIn[userCreated](r, "user_made") },
		"its pointer":              func(r *Registry) error { return RegisterIn[*userCreated](r, "user_made") },
		"no struct":                func(r *Registry) error { return RegisterIn[int](r, "n") },
		"a pointer to a pointer":   func(r *Registry) error { return RegisterIn[**userCreated](r, "n") },
		"an interface":             func(r *Registry) error { return RegisterIn[any](r, "n") },
		"an event":                 func(r *Registry) error { return RegisterIn[Event](r, "n") },
		"an external event":        func(r *Registry) error { return RegisterIn[*ExternalEvent](r, "n") },
		"a message that is copied": func(r *Registry) error { return RegisterIn[wrapperspb.StringValue](r, "n") }, //nolint:govet // never copied
		"version 0":                func(r *Registry) error { return RegisterIn[struct{ A int }](r, "n", WithVersion(0)) },
		"an up-caster from now":    func(r *Registry) error { return RegisterIn[struct{ A int }](r, "n", WithUpcast(1, same)) },
		"an up-caster from nowhere": func(r *Registry) error {
			return RegisterIn[struct{ A int }](r, "n", WithVersion(2), WithUpcast(0, same))
		},
		"an up-caster that is nil": func(r *Registry) error {
			return RegisterIn[struct{ A int }](r, "n", WithVersion(2), WithUpcast(1, nil))
		},
	} {
		r := registered(t)
		if err := register(r); !errors.Is(err, ErrRegister) {
			t.Errorf("%s: %v", what, err)
		}
		if got := strings.Join(r.Names(), " "); got != "time_passed user_created user_deleted" || r.Err() != nil {
			t.Errorf("%s: %s, %v", what, got, r.Err())
		}
	}
}

func same(raw json.RawMessage) (json.RawMessage, error) { return raw, nil }

// Who registers wrongly where nobody looks at the error finds that no event works.
func TestRegisterIsLoud(t *testing.T) {
	r := registered(t)
	r.fail(RegisterIn[userCreated](r, "twice"))
	_, of := r.Of(userCreated{1, "a", "a@b"})
	_, decode := r.Decode(New("user_created", []byte(`{}`)))
	into := r.Into(New("user_created", []byte(`{}`)), new(userCreated))
	_, name := r.NameOf(userCreated{})
	for what, err := range map[string]error{"Of": of, "Decode": decode, "Into": into, "NameOf": name, "Err": r.Err()} {
		if !errors.Is(err, ErrRegister) || !strings.Contains(err.Error(), `"twice"`) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if Default().Err() != nil {
		t.Errorf("the default registry: %v", Default().Err())
	}
}

func TestStyles(t *testing.T) {
	names := map[string]string{ // name: styles in which it is written
		"user_created": "snake_case dotted.case", "user-created": "kebab-case", "shop.user_created": "dotted.case",
		"userCreated": "camelCase", "UserCreated": "PascalCase", "created2": "snake_case kebab-case dotted.case camelCase",
		"": "", "_a": "", "a_": "", "a__b": "", "2a": "", "a b": "", "größe": "", "a.": "", ".a": "", "a-_b": "", "User_Created": "",
	}
	for name, want := range names {
		var got []string
		for s := SnakeCase; s <= PascalCase; s++ {
			if s.fits(name) {
				got = append(got, s.String())
			}
			r := NewRegistry(WithStyle(s))
			if err := RegisterIn[userCreated](r, name); (err == nil) != s.fits(name) {
				t.Errorf("%q in %v: %v", name, s, err)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q is %v, want %s", name, got, want)
		}
	}
}

func TestOfErrors(t *testing.T) {
	r := registered(t)
	var none *userDeleted
	external := ExternalEvent{New("thing_happened", nil)}
	for _, tt := range []struct {
		v    any
		opts []Option
		want error
	}{
		{external, nil, ErrExternalEvent},
		{&external, nil, ErrExternalEvent},
		{nil, nil, ErrNotRegistered},
		{7, nil, ErrNotRegistered},
		{struct{ A int }{}, nil, ErrNotRegistered},
		{userCreated{1, "a", "nowhere"}, nil, ErrInvalid},
		{&userCreated{1, "a", "nowhere"}, nil, ErrInvalid},
		{none, nil, ErrInvalid},
		{&userDeleted{1}, []Option{WithKey(strings.Repeat("k", 256))}, ErrInvalid},
		{&userDeleted{1}, []Option{WithDataType("text/plain")}, ErrInvalid},
		{timestamppb.Now(), []Option{WithDataType("text/plain")}, ErrInvalid},
		{Event{Name: "n"}, nil, ErrInvalid},
		{(*Event)(nil), nil, ErrNotRegistered},
	} {
		if e, err := r.Of(tt.v, tt.opts...); !errors.Is(err, tt.want) || !reflect.DeepEqual(e, Event{}) && !errors.Is(err, ErrInvalid) {
			t.Errorf("%T %+v: %+v, %v, want %v", tt.v, tt.v, e, err, tt.want)
		}
	}
}

// What somebody else made is forwarded as it came, if that is said (row A3).
func TestA3_ForwardRawEvents(t *testing.T) {
	e := New("thing_happened", []byte{0xff}, WithMeta(map[string]string{"a": "b"}))
	for _, v := range []any{e, &e, ExternalEvent{e}.Event} {
		if got, err := registered(t).Of(v); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// An event of a name that nobody registered keeps every field, and is read as a type
// later (row A3; the source dropped all payload here).
func TestA3_ExternalEvent(t *testing.T) {
	r := NewRegistry()
	e := New("user_created", []byte(`{"user_id":7,"username":"ada","email":"a@b","more":{"x":[1]}}`),
		WithMeta(map[string]string{"a": "b"}), WithKey("k"), WithSource("s"))
	v, err := r.Decode(e)
	x, ok := v.(ExternalEvent)
	if err != nil || !ok || !reflect.DeepEqual(x.Event, e) {
		t.Fatalf("%+v, %v", v, err)
	}
	fields, err := x.Fields()
	if err != nil || len(fields) != 4 || string(fields["more"]) != `{"x":[1]}` {
		t.Errorf("%s, %v", fields, err)
	}
	var u userCreated
	if err := x.Into(&u); err != nil || u != (userCreated{7, "ada", "a@b"}) {
		t.Errorf("%+v, %v", u, err)
	}
	if err := RegisterIn[userCreated](r, "user_created"); err != nil {
		t.Fatal(err)
	}
	if v, err := r.Decode(x.Event); err != nil || v != (userCreated{7, "ada", "a@b"}) {
		t.Errorf("%+v, %v", v, err)
	}
	for _, data := range []string{`[1]`, `{`, `null`} {
		var parse *ParseError
		if fields, err := (ExternalEvent{New("n", []byte(data))}).Fields(); !errors.As(err, &parse) || parse.Name != "n" {
			t.Errorf("%s: %v, %v", data, fields, err)
		}
	}
	if fields, err := (ExternalEvent{New("n", []byte(`a`), WithDataType("text/plain"))}).Fields(); !errors.Is(err, ErrParse) {
		t.Errorf("%v, %v", fields, err)
	}
	if fields, err := (ExternalEvent{New("n", nil)}).Fields(); err != nil || len(fields) != 0 {
		t.Errorf("%v, %v", fields, err)
	}
}

// The errors are one family, with their causes (row A7).
func TestA7_Errors(t *testing.T) {
	cause := errors.New("cause")
	_, parse := ParseJSON([]byte(`{`))
	produce := error(&ProduceError{Name: "n", ID: testID, Err: cause})
	if !errors.Is(parse, ErrEvent) || !errors.Is(parse, ErrParse) || errors.Is(parse, ErrProduce) {
		t.Errorf("%v", parse)
	}
	if syntax := (*json.SyntaxError)(nil); !errors.As(parse, &syntax) {
		t.Errorf("%v has lost its cause", parse)
	}
	if !errors.Is(produce, ErrEvent) || !errors.Is(produce, ErrProduce) || errors.Is(produce, ErrParse) || !errors.Is(produce, cause) {
		t.Errorf("%v", produce)
	}
	if got, want := produce.Error(), "produce n "+testID.String()+": cause"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
