package apierr

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// cross is what a client sees of a server's error: the status is encoded and
// decoded between the two.
func cross(t *testing.T, err error) error {
	t.Helper()
	b, merr := proto.Marshal(status.Convert(ToStatus(err)).Proto())
	if merr != nil {
		t.Fatal(merr)
	}
	s := status.New(codes.Unknown, "").Proto()
	if err := proto.Unmarshal(b, s); err != nil {
		t.Fatal(err)
	}
	return FromStatus(status.FromProto(s).Err())
}

// sentinels reads the names of all exported sentinel errors of the root package.
func sentinels(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("../../errors*.go")
	if err != nil || len(files) < 2 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			names = append(names, variables(d)...)
		}
	}
	return names
}

// variables are the exported ones of a declaration.
func variables(d ast.Decl) (names []string) {
	g, ok := d.(*ast.GenDecl)
	if !ok || g.Tok != token.VAR {
		return nil
	}
	for _, spec := range g.Specs {
		for _, n := range spec.(*ast.ValueSpec).Names {
			if n.IsExported() {
				names = append(names, n.Name)
			}
		}
	}
	return names
}

// Every sentinel of the root package is in the table, under the word that its
// name says.
func TestTableIsComplete(t *testing.T) {
	names := sentinels(t)
	if len(names) < 15 {
		t.Fatalf("found only %v", names)
	}
	upper := regexp.MustCompile(`([a-z]|ID)([A-Z])`)
	var reasons []string
	for _, r := range table() {
		reasons = append(reasons, r.reason)
	}
	for _, name := range names {
		want := strings.ToUpper(upper.ReplaceAllString(strings.TrimPrefix(name, "Err"), "${1}_$2"))
		if !slices.Contains(reasons, want) {
			t.Errorf("%s is not in the table: no %s", name, want)
		}
	}
	const contexts = 2
	if len(reasons) != len(names)+contexts {
		t.Errorf("%d rows for %d sentinels", len(reasons), len(names))
	}
	slices.Sort(reasons)
	if len(slices.Compact(reasons)) != len(table()) {
		t.Error("a reason stands for two errors")
	}
}

func TestSentinelsCross(t *testing.T) {
	for _, r := range table() {
		for _, err := range []error{r.sentinel, fmt.Errorf("dispatch to n3: %w", r.sentinel)} {
			if code := status.Code(ToStatus(err)); code != r.code {
				t.Errorf("%v: code %v, want %v", err, code, r.code)
			}
			for how, got := range map[string]error{
				"a status":  cross(t, err),
				"twice":     cross(t, cross(t, err)),
				"a message": FromReason(Reason(err), err.Error(), Details(err)),
				"both":      cross(t, FromReason(Reason(err), err.Error(), Details(err))),
			} {
				if !errors.Is(got, r.sentinel) || got.Error() != err.Error() {
					t.Errorf("as %s, %v became %v", how, err, got)
				}
				if status.Code(got) != r.code || Reason(got) != r.reason {
					t.Errorf("as %s, %v has code %v and reason %s", how, err, status.Code(got), Reason(got))
				}
				for _, other := range table() {
					if errors.Is(got, other.sentinel) != errors.Is(err, other.sentinel) {
						t.Errorf("as %s, %v is %v", how, err, other.sentinel)
					}
				}
			}
		}
	}
}

func TestTypedErrorsCross(t *testing.T) {
	topic := &eventnode.TopicError{Topic: "guild:x", Reason: "not a number"}
	got := cross(t, fmt.Errorf("subscribe: %w", topic))
	var gotTopic *eventnode.TopicError
	if !errors.As(got, &gotTopic) || *gotTopic != *topic || got.Error() != "subscribe: "+topic.Error() {
		t.Errorf("%v: %+v", got, gotTopic)
	}
	limit := &eventnode.LimitError{Limit: "max_event_bytes", Max: 10, Got: 11}
	got = cross(t, fmt.Errorf("dispatch: %w", limit))
	var gotLimit *eventnode.LimitError
	if !errors.As(got, &gotLimit) || *gotLimit != *limit || !errors.Is(got, eventnode.ErrLimit) {
		t.Errorf("%v: %+v", got, gotLimit)
	}
	// In a message with details they are whole.
	if got := FromReason(Reason(topic), topic.Error(), Details(topic)); !errors.As(got, &gotTopic) || *gotTopic != *topic {
		t.Errorf("%v: %+v", got, gotTopic)
	}
	if got := FromReason(Reason(limit), limit.Error(), Details(limit)); !errors.As(got, &gotLimit) || *gotLimit != *limit {
		t.Errorf("%v: %+v", got, gotLimit)
	}
	// In one without only the text is left.
	if got := FromReason(Reason(topic), topic.Error(), nil); !errors.As(got, &gotTopic) || got.Error() != topic.Error() {
		t.Errorf("%v", got)
	}
	if got := FromReason(Reason(limit), limit.Error(), nil); !errors.As(got, &gotLimit) || got.Error() != limit.Error() {
		t.Errorf("%v", got)
	}
}

// What event says of a bad event is ErrInvalidEvent to the caller.
func TestEventErrors(t *testing.T) {
	_, parse := event.ParseJSON([]byte("{"))
	invalid := (&event.Event{}).Validate()
	for _, err := range []error{parse, invalid} {
		if got := cross(t, err); !errors.Is(got, eventnode.ErrInvalidEvent) || got.Error() != err.Error() {
			t.Errorf("%v became %v", err, got)
		}
	}
}

func TestToStatusOthers(t *testing.T) {
	if ToStatus(nil) != nil || FromStatus(nil) != nil || FromReason("", "x", nil) != nil || Reason(nil) != "" {
		t.Error("nil is no longer nil")
	}
	unknown := errors.New("disk on fire")
	if s := status.Convert(ToStatus(unknown)); s.Code() != codes.Internal || s.Message() != "disk on fire" || Reason(unknown) != "INTERNAL" {
		t.Errorf("%v", s)
	}
	given := status.Error(codes.Unimplemented, "no such method")
	if got := ToStatus(given); status.Code(got) != codes.Unimplemented || got.Error() != given.Error() {
		t.Errorf("%v became %v", given, got)
	}
	policy := &eventnode.PolicyError{Policy: "x"}
	if got := cross(t, policy); !errors.Is(got, eventnode.ErrInvalidArgument) {
		t.Errorf("%v became %v", policy, got)
	}
	refused := &eventnode.RefusedError{Errs: []error{&eventnode.LimitError{Limit: "x", Max: 1}}, Count: 3}
	if got := cross(t, refused); !errors.Is(got, eventnode.ErrLimit) {
		t.Errorf("%v became %v", refused, got)
	}
}

// Text that protobuf or HTTP/2 would refuse does not lose the error.
func TestToStatusBadText(t *testing.T) {
	err := &eventnode.TopicError{Topic: "a\xff" + strings.Repeat("x", 1<<20), Reason: "not UTF-8"}
	got := cross(t, err)
	var topic *eventnode.TopicError
	if !errors.As(got, &topic) || !strings.HasPrefix(topic.Topic, "a\uFFFD") || len(topic.Topic) > 2*maxText {
		t.Fatalf("%v", got)
	}
	if got := cross(t, errors.New("\xff")); got.Error() != "\uFFFD" {
		t.Fatalf("%v", got)
	}
}

// What does not come from this project, or from a later version of it.
func TestFromStatusOthers(t *testing.T) {
	for code, want := range map[codes.Code]error{
		codes.Unavailable:      eventnode.ErrUnavailable,
		codes.DeadlineExceeded: context.DeadlineExceeded,
		codes.Canceled:         context.Canceled,
		codes.Unauthenticated:  eventnode.ErrUnauthenticated,
		codes.PermissionDenied: eventnode.ErrPermissionDenied,
		codes.InvalidArgument:  eventnode.ErrInvalidArgument,
	} {
		if got := FromStatus(status.Error(code, "why")); !errors.Is(got, want) || got.Error() != "why" {
			t.Errorf("%v became %v", code, got)
		}
	}
	got := FromStatus(status.Error(codes.Unimplemented, ""))
	if errors.Unwrap(got) != nil || status.Code(got) != codes.Unimplemented || got.Error() == "" {
		t.Errorf("%v", got)
	}
	for _, domain := range []string{Domain, "elsewhere"} {
		s, err := status.New(codes.Unavailable, "why").WithDetails(&errdetails.ErrorInfo{Reason: "LATER", Domain: domain})
		if err != nil {
			t.Fatal(err)
		}
		var e *Error
		got := FromStatus(s.Err())
		if !errors.As(got, &e) || (e.Reason == "LATER") != (domain == Domain) || !errors.Is(got, eventnode.ErrUnavailable) {
			t.Errorf("%s: %v", domain, got)
		}
	}
	if got := FromReason("LATER", "", nil); got.Error() != "LATER" || Reason(got) != "LATER" || status.Code(got) != codes.Internal {
		t.Errorf("%v", got)
	}
	for _, err := range []error{io.EOF, context.Canceled} {
		if got := FromStatus(err); !errors.Is(got, err) || status.Code(got) != status.Code(err) {
			t.Errorf("%v became %v", err, got)
		}
	}
}
