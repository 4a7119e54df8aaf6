package event

import (
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxName and MaxKey bound Name and Key, in bytes.
const (
	MaxName = 255
	MaxKey  = 255
)

// Validate returns an *InvalidError for the first field that breaks its rule:
//
//   - ID is not the nil UUID.
//   - Name has 1 to 255 bytes and no control characters.
//   - Key has at most 255 bytes.
//   - Time is zero or fits into 64 bits of nanoseconds (years 1678 to 2261).
//   - Name, Key, Source, DataType, and Meta's keys and values are UTF-8.
//   - No key in Meta is empty.
//
// Data may be anything. How long the whole may be is for a node to say.
func (e *Event) Validate() error {
	if e.ID == (ID{}) {
		return invalid("id", "is missing")
	}
	if err := validateName(e.Name); err != nil {
		return err
	}
	if len(e.Key) > MaxKey {
		return invalid("key", "is longer than 255 bytes")
	}
	if sec := e.Time.Unix(); (sec <= minUnix || sec >= maxUnix) && !fits(e.Time) {
		return invalid("time", "is not between the years 1678 and 2261")
	}
	switch {
	case !utf8.ValidString(e.Key):
		return invalid("key", "is not UTF-8")
	case !utf8.ValidString(e.Source):
		return invalid("source", "is not UTF-8")
	case !utf8.ValidString(e.DataType):
		return invalid("data_type", "is not UTF-8")
	}
	if len(e.Meta) == 0 { // going over a map costs, even over none
		return nil
	}
	return validateMeta(e.Meta)
}

// fits reports whether t is zero or fits into 64 bits of nanoseconds.
func fits(t time.Time) bool { return t.IsZero() || time.Unix(0, t.UnixNano()).Equal(t) }

// All seconds since 1970 between these do; to know it costs less than fits.
const (
	minUnix = math.MinInt64/int64(time.Second) - 1
	maxUnix = math.MaxInt64 / int64(time.Second)
)

func validateName(name string) error {
	switch {
	case name == "":
		return invalid("name", "is missing")
	case len(name) > MaxName:
		return invalid("name", "is longer than 255 bytes")
	case isPrintable(name):
		return nil
	case !utf8.ValidString(name):
		return invalid("name", "is not UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return invalid("name", "contains a control character")
	}
	return nil
}

// isPrintable reports whether s is printable ASCII, as names mostly are.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func validateMeta(meta map[string]string) error {
	for k, v := range meta {
		switch {
		case k == "":
			return invalid("meta", "has an empty key")
		case !utf8.ValidString(k) || !utf8.ValidString(v):
			return invalid("meta", "is not UTF-8")
		}
	}
	return nil
}

func invalid(field, reason string) error { return &InvalidError{Field: field, Reason: reason} }
