package settings

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Prefix is what the variables of settings start with.
const Prefix = "EVENTNODE_"

// Layers is what flags that were not given take their values from.
type Layers struct {
	// Entries are of a file.
	Entries []Entry
	// Environ is the environment, NAME=VALUE each. A variable that is empty is not set.
	Environ []string
	// Others are flags of other commands: their variables are known, and not this
	// command's. A file's keys are this command's only.
	Others *pflag.FlagSet
	// Foreign reports variables with the prefix that are no settings. Defaults to none.
	Foreign func(variable string) bool
	// Skip are flags that are no settings, such as help.
	Skip []string
}

// Variable is the environment variable of a flag.
func Variable(flag string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Apply sets the flags of fs that were not given, and says of each where its value is
// from.
func (l Layers) Apply(fs *pflag.FlagSet) (Origins, error) {
	origins := Origins{}
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			origins[f.Name] = Origin{Kind: FromFlag, Name: "--" + f.Name}
		}
	})
	variables, err := l.variables(fs)
	if err != nil {
		return nil, err
	}
	if err := l.checkKeys(fs); err != nil {
		return nil, err
	}
	for _, e := range variables { // they go before the file
		if err := l.set(fs, e, origins); err != nil {
			return nil, err
		}
	}
	for _, e := range l.Entries {
		if err := l.set(fs, e, origins); err != nil {
			return nil, err
		}
	}
	return origins, nil
}

// set sets one flag, unless something that goes before has set it.
func (l Layers) set(fs *pflag.FlagSet, e Entry, origins Origins) error {
	f := fs.Lookup(e.Key)
	if f == nil {
		return nil // another command's variable
	}
	// Also what does not count is checked: it is there to count some day.
	if _, done := origins[e.Key]; done {
		return check(f, e)
	}
	if err := assign(f, e); err != nil {
		return err
	}
	f.Changed = true
	origins[e.Key] = e.origin()
	return nil
}

// assign has the flag read the value.
func assign(f *pflag.Flag, e Entry) error {
	if e.List {
		list, ok := f.Value.(pflag.SliceValue)
		if !ok {
			return fmt.Errorf("%s: it takes one value, not a list", e.subject())
		}
		return wrong(f, e, list.Replace(e.Values))
	}
	return wrong(f, e, f.Value.Set(e.Values[0]))
}

// check reports what assign would, and leaves the flag as it is.
func check(f *pflag.Flag, e Entry) error {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		was := slices.Clone(list.GetSlice())
		return firstError(assign(f, e), list.Replace(was))
	}
	was := f.Value.String()
	return firstError(assign(f, e), f.Value.Set(was))
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// wrong says what the flag takes.
func wrong(f *pflag.Flag, e Entry, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %.80q is not %s", e.subject(), strings.Join(e.Values, ","), TypeOf(f))
}

// TypeOf says in words what a flag takes.
func TypeOf(f *pflag.Flag) string {
	switch kind := f.Value.Type(); kind {
	case "bool":
		return "true or false"
	case "int", "int64":
		return "a whole number"
	case "uint", "uint32", "uint64":
		return "a whole number from 0 on"
	case "duration":
		return "a duration such as 10s or 2m"
	case "stringSlice":
		return "a list"
	case "string":
		return "text"
	default:
		return "a value of the kind " + kind
	}
}

// checkKeys refuses keys of the file that no flag has.
func (l Layers) checkKeys(fs *pflag.FlagSet) error {
	known := l.names(fs)
	for _, e := range l.Entries {
		if slices.Contains(known, e.Key) {
			continue
		}
		hint := ""
		if near := Nearest(e.Key, known); near != "" {
			hint = fmt.Sprintf(": did you mean %s?", near)
		}
		return fmt.Errorf("%s: there is no setting %.80q%s", e.place(), e.Key, hint)
	}
	return nil
}

// names are the flags that are settings.
func (l Layers) names(fs *pflag.FlagSet) (names []string) {
	if fs == nil {
		return nil
	}
	fs.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(l.Skip, f.Name) {
			names = append(names, f.Name)
		}
	})
	return names
}

// variables are the settings of the environment.
func (l Layers) variables(fs *pflag.FlagSet) ([]Entry, error) {
	flags := map[string]string{}
	for _, name := range append(l.names(l.Others), l.names(fs)...) {
		flags[Variable(name)] = name
	}
	var found []Entry
	for _, pair := range l.Environ {
		name, value, _ := strings.Cut(pair, "=")
		if value == "" || !strings.HasPrefix(name, Prefix) {
			continue
		}
		flag, known := flags[name]
		switch {
		case known:
			found = append(found, Entry{Key: flag, Values: []string{value}})
		case l.Foreign != nil && l.Foreign(name), orchestrated.MatchString(name):
		default:
			return nil, unknownVariable(name, flags)
		}
	}
	return found, nil
}

func unknownVariable(name string, flags map[string]string) error {
	known := make([]string, 0, len(flags))
	for variable := range flags {
		known = append(known, variable)
	}
	hint := ""
	if near := Nearest(name, known); near != "" {
		hint = fmt.Sprintf(": did you mean %s?", near)
	}
	return fmt.Errorf("the environment has %.80s, and there is no such setting%s", name, hint)
}

// orchestrated are the variables that Kubernetes gives a container for a service whose
// name starts like ours.
var orchestrated = regexp.MustCompile(`_SERVICE_(HOST|PORT(_\w+)?)$|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$`)
