package access

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/eventnode/eventnode"
)

// digest stands for a token.
type digest [sha256.Size]byte

// Policy is who may do what.
type Policy struct {
	byToken map[digest]*Principal
}

// Principal is somebody, and what it may do.
type Principal struct {
	name  string
	rules []rule
}

// rule allows operations with names.
type rule struct {
	operations []Operation
	// prefixes are by kind; nil: any name of any kind.
	prefixes map[Kind][]string
}

// Of is whose token it is. It compares digests, so how long it takes says nothing of the
// tokens that there are.
func (p *Policy) Of(token string) (*Principal, bool) {
	who, ok := p.byToken[sha256.Sum256([]byte(token))]
	return who, ok
}

// Same reports whether a token is the same principal's in both policies, with the same
// rules: whether what was opened with it may stand.
func (p *Policy) Same(other *Policy, token string) bool {
	at := sha256.Sum256([]byte(token))
	return reflect.DeepEqual(p.byToken[at], other.byToken[at])
}

// Name is who it is.
func (p *Principal) Name() string { return p.name }

// May returns nil, or why the principal may not do it.
func (p *Principal) May(u Use) error {
	if !slices.ContainsFunc(p.rules, func(r rule) bool { return slices.Contains(r.operations, u.Operation) }) {
		return fmt.Errorf("%s may not %s: %w", p.name, verb(u.Operation), eventnode.ErrPermissionDenied)
	}
	for _, name := range u.Names {
		if !slices.ContainsFunc(p.rules, func(r rule) bool { return r.allows(u.Operation, name) }) {
			return p.refused(u.Operation, name)
		}
	}
	return nil
}

// allows reports whether the rule allows an operation with a name.
func (r rule) allows(o Operation, name string) bool {
	if !slices.Contains(r.operations, o) {
		return false
	}
	return r.prefixes == nil || o.Kind() == None ||
		slices.ContainsFunc(r.prefixes[o.Kind()], func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// refused says what the principal may not do.
func (p *Principal) refused(o Operation, name string) error {
	if name == "" {
		return fmt.Errorf("%s may not %s with all %s there are, only with some: %w", p.name, verb(o), o.Kind(), eventnode.ErrPermissionDenied)
	}
	return fmt.Errorf("%s may not %s with the %s %.80q: %w", p.name, verb(o), o.Kind().singular(), name, eventnode.ErrPermissionDenied)
}

// verb says what an operation does to somebody who may not.
func verb(o Operation) string { return "do \"" + string(o) + "\"" }
