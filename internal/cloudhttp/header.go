package cloudhttp

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/eventnode/eventnode/event"
)

// attributesOf are the attributes that stand in the header. Its errors are
// *event.ParseError.
func attributesOf(h http.Header) (map[string]string, error) {
	attributes := make(map[string]string, len(h))
	for header, values := range h {
		name, ok := strings.CutPrefix(header, prefix)
		if !ok {
			continue
		}
		name = strings.ToLower(name)
		switch {
		case name == "datacontenttype":
			return nil, wrong(name, "is a header of its own: it belongs into Content-Type")
		case len(values) != 1:
			return nil, wrong(name, "is there twice")
		}
		value, ok := decode(values[0])
		if !ok {
			return nil, wrong(name, "is not UTF-8")
		}
		attributes[name] = value
	}
	if content := h.Get("Content-Type"); content != "" {
		attributes["datacontenttype"] = content
	}
	return attributes, nil
}

func wrong(attribute, reason string) error {
	return &event.ParseError{What: "CloudEvent in headers", Field: attribute, Offset: -1, Err: &event.InvalidError{Field: attribute, Reason: reason}}
}

// decode is what a header's value stands for. It reports false if that is not UTF-8.
func decode(value string) (string, bool) {
	value = percentDecode(unquote(value))
	return value, utf8.ValidString(value)
}

// unquote takes the quotes and backslashes off a quoted-string of RFC 9110, section
// 5.6.4; what is none is returned as it is.
func unquote(value string) string {
	if len(value) < 2 || value[0] != '"' {
		return value
	}
	inner := make([]byte, 0, len(value))
	for i := 1; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"' && i == len(value)-1:
			return string(inner)
		case c == '"':
			return value // there is more behind its end
		case c == '\\' && i+1 < len(value):
			i++
			inner = append(inner, value[i])
		default:
			inner = append(inner, c)
		}
	}
	return value // it has no end
}

// percentDecode puts a byte in the place of each %xy. Other percent signs stay.
func percentDecode(value string) string {
	if !strings.Contains(value, "%") {
		return value
	}
	decoded := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c == '%' && i+2 < len(value) {
			high, low := hex(value[i+1]), hex(value[i+2])
			if high >= 0 && low >= 0 {
				c = byte(high<<4 | low)
				i += 2
			}
		}
		decoded = append(decoded, c)
	}
	return string(decoded)
}

// hex is the value of a hexadecimal digit; -1: it is none.
func hex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
